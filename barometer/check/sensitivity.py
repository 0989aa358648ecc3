"""Rules for what a composite's uncertainty hangs on."""

from __future__ import annotations

from barometer.check.rule import Rule, is_between, is_synthetic_like_its_city
from barometer.night import Night

TABLE = "sensitivity"
# Sobol indices are estimated and may lie a little outside 0 to 1; further out the sample was too small to tell.
LOWEST, HIGHEST = -0.5, 1.5


def rules(night: Night) -> list[Rule]:
    """Sobol indices near their range."""
    advice = "a share of variance far outside 0 to 1: too few draws; raise the composite's samples"
    return [
        is_between("first_order", LOWEST, HIGHEST, advice, severity="warning"),
        is_between("total", LOWEST, HIGHEST, advice, severity="warning"),
        is_synthetic_like_its_city(night),
    ]
