"""What stops a small-area model: data that no estimate can honestly be made from."""

from __future__ import annotations

from barometer.errors import BarometerError


class CannotEstimate(BarometerError):
    """The areas, variances or covariates given cannot carry the model; the message names which and what to do."""
