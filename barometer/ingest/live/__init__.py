"""Live services: each in a file of its own, all behind `connector.py`, all through the one HTTP layer in `web.py`."""
