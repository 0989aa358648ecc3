"""Rules for the posts drawn for people to label."""

from __future__ import annotations

from barometer.check.rule import Rule, is_between, is_pseudonym, is_synthetic_like_its_city
from barometer.night import Night

TABLE = "audit_sample"


def rules(night: Night) -> list[Rule]:
    """Pseudonyms, and probabilities that can be divided by."""
    return [
        is_pseudonym("post"),
        is_between("inclusion", 1e-9, 1, "a post drawn with no chance, or more than certainty"),
        is_synthetic_like_its_city(night),
    ]
