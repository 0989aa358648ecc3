"""Quiet or broken: what a night says of each source, and why."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from barometer.ingest.health import judge_sources
from barometer.lake import Lake
from barometer.ledger import Counts, passed_through, record
from barometer.night import Night
from barometer.settings import Settings
from tests.ingest.helpers import a_night, a_source
from tests.rows import rows

NIGHT = date(2026, 5, 9)
SOURCES = (
    a_source(id="forum"),
    a_source("csv", "reports", "reports", id="desk"),
    a_source("csv", "removals", "removals", id="requests"),
)


@pytest.fixture
def night(lake: Lake, settings_here: Settings) -> Night:
    return a_night(lake, settings_here, NIGHT, SOURCES)


def posts(night: Night, *, days: range, each: int = 24, table: str = "posts") -> None:
    """So many posts on each of the days before the night (0 is the night's own day), evenly over its hours."""
    noon = datetime(NIGHT.year, NIGHT.month, NIGHT.day, 12, tzinfo=UTC)
    made = [
        {
            "night": NIGHT,
            "source": "forum",
            "post": f"{table}{day}-{k}",
            "created_at": noon - timedelta(days=day) + timedelta(hours=(k * 24 / each) % 24 - 12),
        }
        for day in days
        for k in range(each)
    ]
    partition: dict[str, Any] = {"night": NIGHT} | ({"source": "forum"} if table == "received_posts" else {})
    night.lake.replace(table, rows(table, *made), partition=partition)


def entered(night: Night, **received: int) -> None:
    for source in SOURCES:
        record(night, "ingest", source.id, passed_through(received.get(source.id, 0)))


def bookmark(night: Night, source: str, **mark: Any) -> None:
    frame = rows("cursors", {"night": NIGHT, "source": source, "cursor": json.dumps(mark)})
    night.lake.replace("cursors", frame, partition={"night": NIGHT, "source": source})


def of(night: Night, source: str = "forum") -> dict[str, Any]:
    return judge_sources(night).row(by_predicate=pl.col("source") == source, named=True)


def test_every_source_gets_one_row_in_the_lake(night: Night) -> None:
    entered(night)
    judged = judge_sources(night)
    assert judged["source"].to_list() == [source.id for source in SOURCES]
    assert night.lake.read("source_health").collect().sort("source").equals(judged.sort("source"))
    assert judge_sources(night).equals(judged)


def test_a_source_with_records_as_usual_works(night: Night) -> None:
    posts(night, days=range(40))
    entered(night, forum=24)
    row = of(night)
    assert row["state"] == "working"
    assert row["expected_lower"] < 24 < row["expected_upper"]
    assert row["expected"] == pytest.approx(24, abs=3)
    assert row["evidence"].startswith("Working: 24 records tonight; ")


@pytest.mark.parametrize("table", ["posts", "received_posts"])
def test_silence_where_there_was_always_something_is_suspicious(night: Night, table: str) -> None:
    posts(night, days=range(1, 40), table=table)
    entered(night)
    row = of(night)
    assert row["state"] == "silent"
    assert "Suspiciously silent: 0 records tonight, the last is from 2026-05-08" in row["evidence"]
    assert row["evidence"].endswith("Ask who runs it.")


def test_a_post_in_both_tables_counts_once(night: Night) -> None:
    posts(night, days=range(40))
    once = of(night)["expected"]
    both = night.lake.read("posts").collect()
    made = [
        {"night": NIGHT, "source": "forum", "post": row["post"], "created_at": row["created_at"]}
        for row in both.iter_rows(named=True)
    ]
    night.lake.replace("received_posts", rows("received_posts", *made), partition={"night": NIGHT, "source": "forum"})
    assert of(night)["expected"] == once


def test_a_silent_night_of_a_source_in_bursts_is_quiet(night: Night) -> None:
    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    made = [
        {"night": NIGHT, "source": "desk", "report": f"r{week}-{k}", "reported_at": noon - timedelta(weeks=week)}
        for week in range(8)
        for k in range(5)
    ]
    night.lake.replace("reports", rows("reports", *made), partition={"night": NIGHT, "source": "desk"})
    entered(night)
    row = of(night, "desk")
    assert row["state"] == "quiet"
    assert "it comes in bursts, with gaps of up to 7 days so far" in row["evidence"]
    assert (row["expected"], row["expected_lower"], row["expected_upper"]) == (None, None, None)


def test_a_source_that_broke_off_is_failing_with_its_reason(night: Night) -> None:
    posts(night, days=range(40))
    entered(night, forum=3)
    bookmark(night, "forum", done=False, failure="source forum: the server does not answer; try later")
    row = of(night)
    assert row["state"] == "failing"
    assert row["evidence"] == "Failing: source forum: the server does not answer; try later."


def test_a_source_whose_ingest_never_ended_is_failing(night: Night) -> None:
    row = of(night)
    assert row["state"] == "failing"
    assert "did not end" in row["evidence"]


def test_a_gap_is_told_whatever_the_state(night: Night) -> None:
    entered(night, forum=5)
    bookmark(night, "forum", done=True, gap=True)
    row = of(night)
    assert (row["state"], row["has_gap"]) == ("working", True)
    assert "some is missing for good" in row["evidence"]


def test_removals_have_no_rhythm(night: Night) -> None:
    entered(night)
    row = of(night, "requests")
    assert row["state"] == "quiet"
    assert "too young to have a rhythm" in row["evidence"]


@pytest.mark.parametrize(("received", "silent"), [([5, 0, 0], 2), ([0, 0, 5], 0), ([0, 0, 0], 3), ([5, 5, 0], 1)])
def test_silent_nights_in_a_row_are_counted(night: Night, received: list[int], silent: int) -> None:
    for back, count in zip((2, 1, 0), received, strict=True):
        earlier = a_night(night.lake, night.settings, NIGHT - timedelta(days=back), SOURCES)
        record(earlier, "ingest", "forum", Counts(read=count, received=count, written=count))
    assert of(night)["silent_nights"] == silent


def test_what_happens_later_is_not_seen(night: Night, tmp_path: Path) -> None:
    posts(night, days=range(-5, 40))
    entered(night, forum=24)
    later = night.lake.read("posts").filter(pl.col("created_at") >= night.horizon).collect()
    assert later.height > 0
    assert of(night)["expected"] == pytest.approx(24, abs=3)
