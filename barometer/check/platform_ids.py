"""Rules for the sealed ids of posts that are looked up again."""

from __future__ import annotations

from barometer.check.rule import Rule, is_in_time, is_pseudonym, is_synthetic_like_its_city, matches
from barometer.night import Night

TABLE = "platform_ids"
# A seal is 16 bytes longer than what it holds, so 17 bytes, which are 24 characters, at the least.
_SEALED = r"^(?:[A-Za-z0-9_-]{4}){6,}$|^(?:[A-Za-z0-9_-]{4}){5,}[A-Za-z0-9_=-]{4}$"


def rules(night: Night) -> list[Rule]:
    """Pseudonyms, seals, times, and synthetic ids in synthetic cities only."""
    return [
        is_pseudonym("post"),
        matches("sealed_id", _SEALED, "a platform's id was kept unsealed. Do not publish; check ingest."),
        is_in_time(night, "seen_at"),
        is_synthetic_like_its_city(night),
    ]
