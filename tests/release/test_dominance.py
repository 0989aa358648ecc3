"""One voice among few, or among many but louder than all of them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest

from barometer.release.dominance import dominated_records, may_be_dominated
from barometer.release.protect import coverage_families
from barometer.tables import TABLES
from tests.rows import rows

START, END = date(2026, 5, 4), date(2026, 5, 31)


def posts(**by_author: int) -> pl.DataFrame:
    """So many posts of each author in area a."""
    at = datetime(2026, 5, 10, 12, tzinfo=UTC)
    common = {"created_at": at, "area": "a", "is_repost": False}
    made = [common | {"author": author} for author, n in by_author.items() for _ in range(n)]
    schema = TABLES["posts"].schema
    return pl.DataFrame(made, schema={name: schema[name] for name in ("author", *common)})


def coverage(signal: str = "posts") -> pl.DataFrame:
    common = {
        "city": "sample",
        "signal": signal,
        "group": "all",
        "period_start": START,
        "period_end": END,
        "voices": 12,
    }
    return rows(
        "coverage",
        common | {"geography": "areas", "area": "a"},
        common | {"geography": "areas", "area": "b", "voices": 30},
        common | {"geography": "areas", "area": "c", "voices": 40},
        common | {"geography": "city", "area": "sample", "voices": 82},
    )


def dominated(frame: pl.DataFrame) -> list[str]:
    return dominated_records(frame, coverage(), timezone="Europe/London")["area"].to_list()


@pytest.mark.parametrize(("loudest", "is_found"), [(9, False), (10, False), (11, True)])
def test_more_than_half_of_the_posts_is_one_voice_too_many(loudest: int, is_found: bool) -> None:
    # given one author of so many posts, and ten of others, in one area and so in the city
    found = dominated(posts(loud=loudest, **{f"quiet{k}": 1 for k in range(10)}))
    assert found == (["a", "sample"] if is_found else [])


def test_a_post_of_no_area_counts_for_the_city_only() -> None:
    frame = posts(loud=3, quiet=2).with_columns(area=pl.lit(None, dtype=pl.String))
    assert dominated(frame) == ["sample"]


def test_reposts_and_other_days_do_not_count() -> None:
    loud = posts(loud=20)
    assert dominated(loud.with_columns(is_repost=pl.lit(value=True))) == []
    assert dominated(loud.with_columns(created_at=pl.col("created_at").dt.offset_by("1y"))) == []


def test_a_signal_without_posts_is_left_alone() -> None:
    assert dominated_records(posts(loud=20), coverage("answers"), timezone="Europe/London").is_empty()


def test_a_dominated_row_is_sensitive_in_its_family() -> None:
    found = dominated_records(posts(loud=20, quiet=1), coverage(), timezone="Europe/London")
    (family,) = coverage_families(coverage(), dominated=found).values()
    assert family.sensitive == {"areas/a/all", "city/sample/all"}


@pytest.mark.parametrize(("effective_n", "is_open"), [(3.9, True), (4.0, False), (8.0, False)])
def test_weights_may_make_one_answer_half_only_below_an_effective_n_of_four(effective_n: float, is_open: bool) -> None:
    family = rows("estimates", {"area": "a", "method": "direct", "n": 14, "effective_n": effective_n})
    assert may_be_dominated(family) == (frozenset("a") if is_open else frozenset())
    assert may_be_dominated(family.with_columns(method=pl.lit("model"))) == frozenset()
