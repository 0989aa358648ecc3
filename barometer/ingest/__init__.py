"""The outside world -> rows: sources, and one parser per format. Nothing unmasked leaves this step."""
