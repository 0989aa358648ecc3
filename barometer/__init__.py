"""The Social Trust Barometer: nightly, per-neighbourhood social trust indicators with honest errors."""
