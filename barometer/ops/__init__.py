"""Running nights: the embedded Airflow, its home and processes, a person's answer. Calls steps; no step calls it."""
