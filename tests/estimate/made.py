"""Small invented inputs for the estimate step: a town's posts, questionnaires, ratings, sessions and counts."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import polars as pl

from barometer.estimate.periods import with_period
from barometer.indicators import Indicators, load_indicators
from barometer.settings import PROJECT
from barometer.tables import LABEL_HEADS
from tests.rows import rows

INDICATORS: Indicators = load_indicators(PROJECT / "configs")
# A Monday on which a four-week block begins.
BLOCK_START, BLOCK_END = date(2026, 4, 20), date(2026, 5, 17)
IN_BLOCK = date(2026, 5, 4)
SOURCE = {"source": "made", "synthetic": True}
_NO_LABELS = {"trust": "none", "target": "none", "rumour": "none", "hostile": "no"}


def at_noon(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


def periods_of(*indicators: str, reason: str = "too_few") -> pl.DataFrame:
    """The one block of `made` rows for each indicator."""
    return pl.DataFrame(
        {
            "indicator": list(indicators),
            "period_start": [BLOCK_START] * len(indicators),
            "period_end": [BLOCK_END] * len(indicators),
            "absent_reason": [reason] * len(indicators),
        },
        schema_overrides={"period_start": pl.Date, "period_end": pl.Date},
    )


def placed(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of a table with their four-week period, as `run` hands them to a signal's module."""
    return with_period(frame, day="day", weeks=4, anchor=INDICATORS.weeks_anchor)


def post(number: int, author: str, **values: Any) -> dict[str, Any]:
    """A labelled post, of a voice in T1 with no trust and no rumour unless the test says otherwise."""
    day = values.pop("day", IN_BLOCK)
    plain = {
        "post": f"p{number:05d}",
        "author": author,
        "area": "T1",
        "area_confidence": 0.9,
        "duplicate_group": f"d{number:05d}",
        "is_repost": False,
        "created_at": at_noon(day),
        "day": day,
        "model_version": "v1",
    }
    return plain | _NO_LABELS | values


def labelled(*posts: dict[str, Any]) -> pl.DataFrame:
    """Labelled posts with their period."""
    return placed(pl.DataFrame(list(posts), schema_overrides={"area": pl.String}))


def voices(
    n: int, *, distrusting: int = 0, area: str | None = "T1", first: int = 0, **values: Any
) -> list[dict[str, Any]]:
    """`n` authors of one post each, the first `distrusting` of whom express distrust of the council."""
    said = {"trust": "distrust", "target": "local_government"}
    return [
        post(first + i, f"a{first + i}", area=area, **(said if i < distrusting else {}), **values) for i in range(n)
    ]


def post_rows(posts: list[dict[str, Any]], **values: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The same posts as rows of the tables `posts` and `labels`."""
    plain = [{k: v for k, v in p.items() if k not in (*_NO_LABELS, "day", "model_version")} for p in posts]
    marks = [{k: p[k] for k in ("post", "model_version", *_NO_LABELS)} | {"shard": 0, "model": "linear"} for p in posts]
    assert set(_NO_LABELS) == set(LABEL_HEADS)
    return rows("posts", *(p | {"source": "made"} | values for p in plain)), rows(
        "labels", *(m | values for m in marks)
    )


def respondent(number: int, **values: Any) -> dict[str, Any]:
    plain = {"response": f"r{number:05d}", "respondent": f"r{number:05d}", "wave": "w1", "weight": 1.0, "area": "T1"}
    day = values.pop("day", IN_BLOCK)
    return plain | {"answered_at": at_noon(day), "night": date(2026, 5, 9)} | SOURCE | values


def answer(number: int, item: str, value: float | None = None, category: str | None = None) -> dict[str, Any]:
    names = {"response": f"r{number:05d}", "respondent": f"r{number:05d}", "item": item}
    return names | {"value": value, "category": category} | SOURCE


def fielded(respondents: pl.DataFrame) -> pl.DataFrame:
    """Respondents with the period of their wave."""
    day = respondents.with_columns(day=pl.col("answered_at").dt.date())
    return day.with_columns(period_start=pl.col("day").min().over("wave"), period_end=pl.col("day").max().over("wave"))


def report(number: int, rater: str, rating: float, **values: Any) -> dict[str, Any]:
    day = values.pop("day", IN_BLOCK)
    plain = {"report": f"b{number:05d}", "rater": rater, "rating": rating, "reported_at": at_noon(day), "area": "T1"}
    return plain | {"scale_minimum": 1.0, "scale_maximum": 5.0} | SOURCE | values


def sighting(number: int, session: str, persons: int, **values: Any) -> dict[str, Any]:
    day, minutes = values.pop("day", IN_BLOCK), values.pop("minutes", 60)
    plain = {
        "observation": f"o{number:05d}",
        "session": session,
        "persons": persons,
        "kind": "stationary",
        "is_staying": True,
        "area": "T1",
        "started_at": at_noon(day),
        "ended_at": at_noon(day) + timedelta(minutes=minutes),
        "activities": [],
    }
    return plain | SOURCE | values


def counted(number: int, count: float, **values: Any) -> dict[str, Any]:
    plain = {"record": f"c{number:05d}", "series": "service_requests", "count": count, "counted_on": IN_BLOCK}
    return plain | {"area": "T1"} | SOURCE | values


def with_day(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """Rows of a table with `day` and their four-week period."""
    return placed(frame.with_columns(day=pl.col(column).cast(pl.Date)))


def one(cells: pl.DataFrame, **where: Any) -> dict[str, Any]:
    """The single row in which the columns have these values."""
    found = cells.filter(*(pl.col(name) == value for name, value in where.items()))
    assert found.height == 1, f"{found.height} rows with {where}"
    return found.row(0, named=True)
