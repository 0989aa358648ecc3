"""How far a source was read, night by night."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from barometer.ingest.bookmarks import Bookmarks, bookmarks
from barometer.lake import Lake
from barometer.settings import Settings
from tests.ingest.helpers import NIGHT, a_night, a_source
from tests.rows import rows

BEFORE, AFTER = NIGHT - timedelta(days=1), NIGHT + timedelta(days=1)


def read_on(lake: Lake, settings: Settings, *days: object, source: str = "a_source") -> Bookmarks:
    for day in days:
        at = {"night": day, "source": source}
        lake.replace("cursors", rows("cursors", {**at, "cursor": f'{{"day": "{day}"}}'}).select(pl.all()), partition=at)
    return bookmarks(a_night(lake, settings), a_source())


def test_a_source_that_was_never_read_has_none(lake: Lake, settings_here: Settings) -> None:
    assert read_on(lake, settings_here) == Bookmarks(None, None, is_last=True)


def test_the_latest_night_before_counts(lake: Lake, settings_here: Settings) -> None:
    found = read_on(lake, settings_here, BEFORE - timedelta(days=3), BEFORE)
    assert found == Bookmarks({"day": str(BEFORE)}, None, is_last=True)


def test_a_night_that_ran_has_its_own(lake: Lake, settings_here: Settings) -> None:
    found = read_on(lake, settings_here, BEFORE, NIGHT)
    assert found == Bookmarks({"day": str(BEFORE)}, {"day": str(NIGHT)}, is_last=True)


def test_later_nights_are_noticed(lake: Lake, settings_here: Settings) -> None:
    assert not read_on(lake, settings_here, NIGHT, AFTER).is_last


def test_other_sources_are_their_own_matter(lake: Lake, settings_here: Settings) -> None:
    assert read_on(lake, settings_here, BEFORE, AFTER, source="another") == Bookmarks(None, None, is_last=True)
