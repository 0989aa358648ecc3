"""A city whose true trust is known: raw files as the sources would deliver them, and the truth behind them. SYNTHETIC."""
