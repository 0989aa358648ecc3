"""A night of the sample city with invented numbers in the row contract: nothing here was measured or simulated.

Every value follows from the place of its area in the list, so the same call always gives the same lake.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from barometer.city import City, load_city
from barometer.indicators import Indicator, Indicators, load_indicators
from barometer.lake import Lake
from barometer.night import Night
from barometer.settings import PROJECT, Settings
from barometer.tables import TABLES

NIGHT = date(2026, 5, 9)
BLOCK_STARTS = tuple(date(2026, 1, 19) + timedelta(weeks=4 * k) for k in range(4))
WAVES = ((date(2025, 11, 3), date(2025, 11, 30)), (date(2026, 3, 2), date(2026, 3, 29)))
GROUPS = {"age_band": {"16-24": 0.05, "25-44": 0.33, "45-64": 0.36, "65+": 0.26}}
SHOWN = (
    "wallet_neighbour",
    "trust_neighbourhood",
    "trust_council",
    "posts_distrust_share",
    "rumour_share",
    "practitioner_trust",
    "observed_staying_rate",
)

Edit = Callable[[pl.DataFrame], pl.DataFrame]


def sample_night(home: Path, *, night: date = NIGHT, estimates: Edit | None = None, **tables: pl.DataFrame) -> Night:
    """A night of city `sample` below `home`, its lake filled; `estimates` edits those rows, `tables` replace others."""
    settings = Settings(home=home)
    city = _sample_city()
    made = Night(city=city, lake=Lake(root=settings.lake, city=city.id), settings=settings, night=night)
    rows = invented_estimates(made)
    fill(
        made,
        {
            "estimates": estimates(rows) if estimates else rows,
            "coverage": invented_coverage(made),
            "rumours": invented_rumours(made),
            "checks": invented_checks(made),
        }
        | tables,
    )
    return made


def same_night(night: Night, home: Path) -> Night:
    """The same night below another home, with copies of its lake, draft and seal."""
    settings = Settings(home=home)
    for name in ("lake", "drafts", "runs"):
        shutil.copytree(night.settings.home / name, home / name)
    return replace(night, settings=settings, lake=Lake(root=settings.lake, city=night.city.id))


@cache
def _sample_city() -> City:
    return load_city("sample", PROJECT / "configs")


@cache
def _indicators() -> Indicators:
    return load_indicators(PROJECT / "configs")


def fill(night: Night, tables: dict[str, pl.DataFrame]) -> None:
    """Write tables of a night, each in its own partition."""
    for name, frame in tables.items():
        if "boundary" in TABLES[name].partition:
            for (boundary,), rows in frame.partition_by(["boundary"], as_dict=True).items():
                night.lake.replace(name, rows, partition={"night": night.night, "boundary": boundary})
        else:
            night.lake.replace(name, frame, partition={"night": night.night})


def invented_estimates(night: Night) -> pl.DataFrame:
    """Every shown indicator, place and period, some of them too small, some silent."""
    indicators = _indicators()
    records = [row for name in SHOWN for row in _rows_of(indicators[name], night)]
    return pl.DataFrame(records, schema=TABLES["estimates"].schema)


def _rows_of(indicator: Indicator, night: Night) -> Iterator[dict[str, Any]]:
    periods = WAVES if indicator.period == "wave" else [(s, s + timedelta(days=27)) for s in BLOCK_STARTS]
    places = [(area, night.city.primary, k + 1) for k, area in enumerate(night.city.neighbourhoods["area"])]
    for at, (start, end) in enumerate(periods):
        counts = {area: _people(indicator, k, at) for area, _, k in places}
        for area, geography, k in [*places, (night.city.id, "city", 0)]:
            n = counts.get(area, sum(counts.values()) + 37)
            yield _row(indicator, night, area=area, geography=geography, start=start, end=end, n=n, place=k, at=at)


def _people(indicator: Indicator, place: int, at: int) -> int:
    if indicator.signal == "observations":
        return 6 if place % 4 == 0 else 0
    if indicator.signal == "reports":
        return 4 if place % 3 else 1
    return (place * 7 + 3 * at) % 41 + (place % 5)


def _row(
    indicator: Indicator,
    night: Night,
    *,
    area: str,
    geography: str,
    start: date,
    end: date,
    n: int,
    place: int,
    at: int,
) -> dict[str, Any]:
    least = indicator.minimum_n
    reason = None if n >= max(least, 1) else "not_collected" if n == 0 and indicator.signal != "posts" else "too_few"
    numbers = {} if reason else _numbers(indicator, n, place, at)
    return {
        "night": night.night, "city": night.city.id, "indicator": indicator.id, "geography": geography, "area": area,
        "period_start": start, "period_end": end, "issued_at": night.issued_at, "value": None, "standard_error": None,
        "lower": None, "upper": None, "n": n, "effective_n": n / 1.4, "reliability": None, "method": indicator.method,
        "missing_reason": reason, "synthetic": True, "run_id": night.run_id, "config_version": "c0ffee00c0ffee00",
        "model_version": "beadbeadbeadbead" if indicator.signal == "posts" else None,
    } | numbers  # fmt: skip


def _numbers(indicator: Indicator, n: int, place: int, at: int) -> dict[str, float]:
    lowest, highest = indicator.scale.minimum, indicator.scale.maximum or 40.0
    span = highest - lowest
    middle = 0.22 if indicator.direction == "less_trust" else 0.55
    wave = 0.14 * math.sin(place * 1.7) + 0.05 * at * math.cos(place) + (0.06 * at if place == 0 else 0)
    if place in (5, 9) and at:
        wave = -0.3 if place == 5 else 0.35
    share = min(max(middle + wave, 0.02), 0.97)
    error = span * math.sqrt(share * (1 - share) / n)
    value = lowest + span * share
    return {
        "value": value,
        "standard_error": error,
        "lower": max(value - 1.96 * error, lowest),
        "upper": min(value + 1.96 * error, highest),
    }


def invented_coverage(night: Night) -> pl.DataFrame:
    """Voices of every signal per place, and of the survey per age band."""
    indicators = _indicators()
    records = []
    for name in ("wallet_neighbour", "posts_distrust_share", "practitioner_trust"):
        for row in _rows_of(indicators[name], night):
            records.append(_coverage_row(row, indicators[name].signal, "all", row["n"]))
            if indicators[name].signal == "answers":
                records += [
                    _coverage_row(row, "answers", f"{m}={c}", round(row["n"] * s))
                    for m, cs in GROUPS.items()
                    for c, s in cs.items()
                ]
    return pl.DataFrame(records, schema=TABLES["coverage"].schema)


def _coverage_row(row: dict[str, Any], signal: str, group: str, voices: int) -> dict[str, Any]:
    same = {
        name: row[name] for name in ("night", "city", "geography", "area", "period_start", "period_end", "synthetic")
    }
    population = 420_000 if row["geography"] == "city" else 6_500
    if group != "all":
        population = round(population * {"16-24": 0.15, "25-44": 0.35, "45-64": 0.3, "65+": 0.2}[group.split("=")[1]])
    per_1000 = 1000 * voices / population
    return same | {
        "signal": signal,
        "group": group,
        "records": 2 * voices,
        "voices": voices,
        "population": population,
        "voices_per_1000": per_1000,
    }


def invented_rumours(night: Night) -> pl.DataFrame:
    """Two claims: one that enough people carry, one that too few do."""
    first, last = datetime(2026, 4, 2, tzinfo=UTC), datetime(2026, 5, 8, tzinfo=UTC)
    common = {
        "night": night.night,
        "first_seen": first,
        "last_seen": last,
        "areas": 6,
        "neighbourhoods": [],
        "status_by": "posts",
        "evidence": [],
        "share_corrected": 0.1,
        "spread_rate": 1.5,
        "synthetic": True,
    }
    claims = [
        {
            "rumour": "aa",
            "terms": ["library", "closing", "sold"],
            "status": "answered",
            "posts": 61,
            "voices": 43,
            "corrections": 7,
        },
        {"rumour": "bb", "terms": ["secret", "meeting"], "status": "seen", "posts": 9, "voices": 9, "corrections": 0},
    ]
    return pl.DataFrame([common | claim for claim in claims], schema=TABLES["rumours"].schema)


def invented_checks(night: Night, *, severity: str = "warning", is_met: bool = False) -> pl.DataFrame:
    """Two rules: one that held, and one as asked."""
    common = {"night": night.night, "boundary": "estimate", "table_name": "estimates", "checked": 900}
    rules = [
        {
            "rule": "key_is_unique",
            "severity": "critical",
            "is_met": True,
            "unexpected": 0,
            "message": "keys are unique",
        },
        {
            "rule": "values_in_range",
            "severity": severity,
            "is_met": is_met,
            "unexpected": 3,
            "message": "3 values are out of range",
        },
    ]
    return pl.DataFrame([common | rule for rule in rules], schema=TABLES["checks"].schema)


def invented_alerts(night: Night, *areas: str, indicator: str = "trust_council") -> pl.DataFrame:
    """An alert for each area, about the newest wave."""
    start, end = WAVES[-1]
    common = {
        "night": night.night,
        "city": night.city.id,
        "indicator": indicator,
        "geography": night.city.primary,
        "period_start": start,
        "period_end": end,
        "direction": "down",
        "change": -0.8,
        "lower": -1.2,
        "upper": -0.3,
        "first_seen": end,
        "moved_with": ["Voices that express distrust of the council and its services"],
        "message": "Trust fell from 6.1 to 5.3.",
        "advice": "Look first at who answered.",
        "synthetic": True,
    }
    made = [common | {"area": area, "evidence": 900.0 - k} for k, area in enumerate(areas)]
    return pl.DataFrame(made, schema=TABLES["alerts"].schema)


def invented_skill(night: Night, **weights: float) -> pl.DataFrame:
    """Skill of signals (indicator id -> weight) for one nowcast."""
    made = [
        {
            "night": night.night,
            "city": night.city.id,
            "indicator": "trust_police_now",
            "signal": signal,
            "skill": 0.2 if weight else -0.1,
            "lower": 0.05 if weight else -0.4,
            "upper": 0.35 if weight else 0.2,
            "origins": 4,
            "areas": 60,
            "weight": weight,
            "verdict": "counts" if weight else "no weight: no better than the last survey",
            "synthetic": True,
        }
        for signal, weight in weights.items()
    ]
    return pl.DataFrame(made, schema=TABLES["skill"].schema)


def invented_audits(night: Night, **values: Any) -> pl.DataFrame:
    """What an audit did for one share of voices in the newest block: corrected it, unless the test says otherwise."""
    plain = {
        "night": night.night,
        "city": night.city.id,
        "indicator": "posts_distrust_share",
        "period_start": BLOCK_STARTS[-1],
        "period_end": BLOCK_STARTS[-1] + timedelta(days=27),
        "method": "prevalence",
        "reason": None,
        "audited": 300,
        "reliance": 0.9,
        "age_days": 30.0,
        "drift_p": 0.8,
        "is_drifting": False,
        "agreement": 0.91,
        "defect_correlation": 0.02,
        "synthetic": True,
    }
    return pl.DataFrame([plain | values], schema=TABLES["audits"].schema)
