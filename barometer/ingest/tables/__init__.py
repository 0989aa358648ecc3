"""Files with one record a row: survey answers, practitioners' reports, observations and dated counts."""
