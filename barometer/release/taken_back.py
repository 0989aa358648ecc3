"""How much was taken back since the release before: in steps, so that no single withdrawal can be told."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from barometer.night import Night
from barometer.published import Release
from barometer.release.disclosure import MINIMUM_PERSONS, rounded

_AN_EDIT = "edited"


@dataclass(frozen=True)
class TakenBack:
    """Deletions, closed accounts and withdrawals since the release `since`.

    `about` is their number, rounded as every count of people is; 0 when there were none, and None when there were
    fewer than `MINIMUM_PERSONS`.
    """

    since: str
    about: int | None

    def stated(self) -> dict[str, str | int]:
        """As the manifest states it."""
        return {"since": self.since, "about": f"fewer than {MINIMUM_PERSONS}" if self.about is None else self.about}


def taken_back_since(night: Night, before: Release | None) -> TakenBack | None:
    """What people took back after the night of `before`, up to this one; None where nothing was released before.

    A post that was edited is not counted: its newer version is there.
    """
    if before is None:
        return None
    is_since = (pl.col("night") > before.night) & (pl.col("night") <= night.night)
    rows = night.lake.read("removals").filter(is_since & (pl.col("reason") != _AN_EDIT))
    number = rows.select("kind", "subject").unique().collect().height
    return TakenBack(before.name, None if 0 < number < MINIMUM_PERSONS else rounded(number))
