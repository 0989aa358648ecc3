"""Received posts -> posts fit to read: privacy, language, places, duplicates."""
