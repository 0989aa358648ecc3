"""data sets -> models/."""
