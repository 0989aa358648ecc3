"""Rules for context counts."""

from __future__ import annotations

from barometer.check.rule import Rule, is_between, is_known_area, is_pseudonym, is_synthetic_like_its_city
from barometer.night import Night

TABLE = "counts"


def rules(night: Night) -> list[Rule]:
    """Counts are counts, in areas of the city."""
    return [
        is_pseudonym("record"),
        is_between("count", 0, None, "a negative count; check the source"),
        is_known_area(night),
        is_synthetic_like_its_city(night),
    ]
