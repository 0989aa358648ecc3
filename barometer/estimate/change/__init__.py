"""Has a series of estimates left the level it had before? Evidence for many series at once, and which of it counts."""

from barometer.estimate.change.detector import Detection, detect
from barometer.estimate.change.discovery import e_bh, family_weights, threshold
from barometer.estimate.change.dispersion import dispersion, innovations
from barometer.estimate.change.errors import steadied

__all__ = ["Detection", "detect", "dispersion", "e_bh", "family_weights", "innovations", "steadied", "threshold"]
