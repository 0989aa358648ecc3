"""A city whose true trust is known: raw files as its sources would deliver them, and the truth. SYNTHETIC."""
