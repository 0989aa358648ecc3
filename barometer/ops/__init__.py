"""Running nights: the embedded Airflow, its home and processes, and the person's answer. Calls steps; no step calls it."""
