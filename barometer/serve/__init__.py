"""What was published, live: a read-only API and the pages."""
