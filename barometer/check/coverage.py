"""Rules for who is heard."""

from __future__ import annotations

from barometer.check.rule import Rule, is_among, is_between, is_known_area, is_synthetic_like_its_city
from barometer.night import Night

TABLE = "coverage"
SIGNALS = ("posts", "answers", "reports", "observations", "counts")


def rules(night: Night) -> list[Rule]:
    """Counts of voices beside populations."""
    return [
        is_among("signal", SIGNALS, "an unknown signal"),
        is_between("voices", 0, None, "a negative number of voices"),
        is_between("records", 0, None, "a negative number of records"),
        is_between(
            "voices_per_1000",
            0,
            1000,
            "more voices than people; check population and the count of voices",
            severity="warning",
        ),
        is_known_area(night),
        is_synthetic_like_its_city(night),
    ]
