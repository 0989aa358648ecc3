"""Rules for posts as they came through the door."""

from __future__ import annotations

from barometer.check.rule import (
    Rule,
    is_among,
    is_in_time,
    is_known_area,
    is_pseudonym,
    is_synthetic_like_its_city,
    matches,
)
from barometer.night import Night

TABLE = "received_posts"
AREA_EVIDENCE = ("point", "code", "postcode")
# An @ with a name, other than the mask itself, would be an account name that was let in.
_NO_ACCOUNT_NAME = r"^(?!(?s:.*)(?<![\w.])@(?!user\b)\w{2,})"


def rules(night: Night) -> list[Rule]:
    """Pseudonyms, masks, places and times of received posts."""
    return [
        is_pseudonym("post"),
        is_pseudonym("author"),
        matches(
            "text", _NO_ACCOUNT_NAME, "an account name stands in a text; masking failed. Do not publish; check privacy."
        ),
        is_known_area(night),
        is_among("area_evidence", AREA_EVIDENCE, "unknown kind of place evidence; a source writes something new"),
        is_in_time(night, "created_at"),
        is_synthetic_like_its_city(night),
    ]
