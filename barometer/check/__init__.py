"""Great Expectations at every boundary of a run: one file of rules per table."""
