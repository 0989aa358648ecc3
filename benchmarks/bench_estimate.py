"""How long the estimate step takes for Bradford's 63 neighbourhoods and a year (52 weeks) of all five signals.

Run by `make bench`. Prints seconds per signal and the step's share of its 20-second budget; asserts nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from threadpoolctl import threadpool_limits

from barometer.estimate import run
from barometer.indicators import load_indicators
from barometer.night import Night, open_night
from barometer.settings import Settings
from barometer.tables import LABEL_HEADS, TABLES

BUDGET_SECONDS = 20.0
NIGHT = date(2026, 5, 9)
POSTS, RESPONDENTS, WAVES, REPORTS, SESSIONS = 40_000, 7_600, 4, 3_000, 2_000
DAYS = 364

Rng = np.random.Generator


def _frame(table: str, columns: dict[str, object]) -> pl.DataFrame:
    """A frame of `table`: the columns given, one source and night, all else empty."""
    given = {"night": NIGHT, "source": "bench", "synthetic": True} | columns
    schema = TABLES[table].schema
    height = max(len(value) for value in columns.values() if isinstance(value, (list, np.ndarray)))
    series = {name: given.get(name) for name in schema}
    filled = {k: v if isinstance(v, (list, np.ndarray)) else [v] * height for k, v in series.items()}
    return pl.DataFrame({k: pl.Series(list(v), dtype=schema[k]) for k, v in filled.items()})


def _times(rng: Rng, size: int, days: int = DAYS) -> list[datetime]:
    start = datetime(2026, 5, 9, tzinfo=UTC) - timedelta(days=days)
    return [start + timedelta(seconds=float(s)) for s in rng.uniform(0, days * 86_400, size)]


def _ids(prefix: str, size: int) -> list[str]:
    return [f"{prefix}{i:07d}" for i in range(size)]


def make_posts(rng: Rng, areas: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Posts of 3,000 authors, some far louder than others, and their labels."""
    ids = _ids("p", POSTS)
    authors = [f"a{int(i) % 3000:05d}" for i in rng.zipf(1.4, POSTS) * 7 + rng.integers(0, 2500, POSTS)]
    posts = _frame(
        "posts",
        {
            "post": ids, "author": authors, "platform": "forum", "created_at": _times(rng, POSTS), "text": "x",
            "language": "en", "language_confidence": 0.9, "area": rng.choice(areas, POSTS), "area_confidence": 0.9,
            "area_evidence": "text", "duplicate_group": ids, "is_repost": False,
        },
    )  # fmt: skip
    labels = {f"{head}_{value}": 0.5 for head, values in LABEL_HEADS.items() for value in values}
    classes = {head: rng.choice(values, POSTS) for head, values in LABEL_HEADS.items()}
    return posts, _frame(
        "labels", {"shard": 0, "post": ids, "model": "linear", "model_version": "v1", **labels, **classes}
    )


def make_survey(rng: Rng, night: Night) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Four waves in clusters, a quarter apart, each respondent answering every item and stating every group."""
    city, ids = night.city, _ids("r", RESPONDENTS)
    areas = rng.choice(city.neighbourhoods["area"].to_list(), RESPONDENTS)
    wave = np.arange(RESPONDENTS) % WAVES
    start = datetime(2025, 7, 1, 12, tzinfo=UTC)
    times = [
        start + timedelta(days=int(w) * 91 + int(d))
        for w, d in zip(wave, rng.integers(0, 14, RESPONDENTS), strict=True)
    ]
    respondents = _frame(
        "respondents",
        {
            "response": ids, "respondent": ids, "wave": [f"w{w}" for w in wave], "answered_at": times, "area": areas,
            "weight": rng.uniform(0.5, 2.0, RESPONDENTS),
            "cluster": [f"{a}-{c}" for a, c in zip(areas, rng.integers(0, 5, RESPONDENTS), strict=True)],
        },
    )  # fmt: skip
    frames = [_answers_of(rng, ids, item, areas) for item in _items(night)]
    for margin in city.margins["margin"].unique().sort().to_list():
        of_margin = city.margins.filter(pl.col("margin") == margin)
        persons = of_margin.group_by("category").agg(pl.col("persons").sum()).sort("category")
        chances = persons["persons"].to_numpy() / persons["persons"].sum()
        chosen = rng.choice(persons["category"].to_list(), RESPONDENTS, p=chances)
        frames.append(
            _frame("answers", {"response": ids, "respondent": ids, "item": f"group.{margin}", "category": chosen})
        )
    return respondents, pl.concat(frames)


def _items(night: Night) -> list[str]:
    indicators = load_indicators(night.settings.configs).of_signal("answers")
    return sorted({item for indicator in indicators for item in indicator.measure.items})  # type: ignore[union-attr]


def _answers_of(rng: Rng, ids: list[str], item: str, areas: np.ndarray) -> pl.DataFrame:
    highest = 5 if item.startswith("cohesion") else 4 if item.startswith("wallet") else 1 if "two_way" in item else 10
    level = dict(zip(sorted(set(areas)), rng.normal(0.5, 0.1, len(set(areas))), strict=True))
    lowest = 0 if highest in (1, 10) else 1
    draws = [rng.binomial(highest - lowest, np.clip(level[a], 0.05, 0.95)) + lowest for a in areas]
    return _frame("answers", {"response": ids, "respondent": ids, "item": item, "value": [float(d) for d in draws]})


def make_others(rng: Rng, areas: list[str]) -> dict[str, pl.DataFrame]:
    """Reports, observation sessions of three records each, and three daily series per neighbourhood."""
    reports = {
        "report": _ids("b", REPORTS), "rater": [f"q{i % 120}" for i in range(REPORTS)],
        "reported_at": _times(rng, REPORTS), "area": rng.choice(areas, REPORTS),
        "rating": rng.integers(1, 6, REPORTS).astype(float), "scale_minimum": 1.0, "scale_maximum": 5.0,
    }  # fmt: skip
    started, places = _times(rng, SESSIONS), rng.choice(areas, SESSIONS)
    observations = {
        "observation": _ids("o", SESSIONS * 3), "session": [f"s{i // 3}" for i in range(SESSIONS * 3)],
        "observer": [f"v{i % 30}" for i in range(SESSIONS * 3)], "kind": "stationary",
        "area": np.repeat(places, 3), "started_at": [t for t in started for _ in range(3)],
        "ended_at": [t + timedelta(minutes=30) for t in started for _ in range(3)],
        "persons": rng.integers(0, 20, SESSIONS * 3), "group_size": rng.integers(1, 4, SESSIONS * 3),
        "is_mixed_group": rng.random(SESSIONS * 3) < 0.4, "is_staying": rng.random(SESSIONS * 3) < 0.6,
    }  # fmt: skip
    series = ("service_requests", "police_recorded_incidents", "footfall")
    keys = [(s, a, NIGHT - timedelta(days=d)) for s in series for a in areas for d in range(DAYS)]
    counts = {
        "record": _ids("c", len(keys)), "series": [k[0] for k in keys], "area": [k[1] for k in keys],
        "counted_on": [k[2] for k in keys], "count": rng.poisson(4, len(keys)).astype(float),
    }  # fmt: skip
    return {
        "reports": _frame("reports", reports),
        "observations": _frame("observations", observations).with_columns(
            activities=pl.lit([], dtype=pl.List(pl.String))
        ),
        "counts": _frame("counts", counts),
    }


def fill(night: Night) -> None:
    """Write a full-sized city's rows into the night's lake."""
    rng = np.random.default_rng(20260509)
    areas = night.city.neighbourhoods["area"].to_list()
    posts, labels = make_posts(rng, areas)
    respondents, answers = make_survey(rng, night)
    tables = {"posts": posts, "respondents": respondents, "answers": answers, **make_others(rng, areas)}
    for name, frame in tables.items():
        partition = {key: frame[key][0] for key in TABLES[name].partition}
        night.lake.replace(name, frame, partition=partition)
    night.lake.replace("labels", labels, partition={"night": NIGHT, "shard": 0})


def main() -> None:
    """Time the step and its parts."""
    with tempfile.TemporaryDirectory() as folder:
        night = open_night("sample", NIGHT, Settings(home=Path(folder)))
        fill(night)
        context = run.Context(night=night, indicators=load_indicators(night.settings.configs))
        parts: dict[str, Callable[[run.Context], object]] = {"answers": run.survey_part, "posts": run.posts_part}
        for name, work in {**parts, **run.SIGNALS}.items():
            began = time.perf_counter()
            with threadpool_limits(limits=1):
                work(context)
            print(f"estimate {name:13s} {time.perf_counter() - began:6.2f} s")
        began, worked = time.perf_counter(), time.process_time()
        counts = run.estimate(night)
        seconds, busy = time.perf_counter() - began, time.process_time() - worked
        known = len(context.indicators.indicators)
        print(
            f"estimate step: {seconds:.2f} s ({busy:.2f} s of processor), {known} indicators, {counts.written:,d} rows"
        )
        print(f"{seconds / BUDGET_SECONDS:.0%} of the budget of {BUDGET_SECONDS:.0f} s")


if __name__ == "__main__":
    main()
