"""What the DAG files must know of a city when Airflow reads them: little, and quickly.

Airflow reads the DAG files every half minute and again in every task, so the city folder is not loaded and checked
here: `barometer.city.load_city` does that when a night opens, and lists every mistake there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from barometer.settings import Settings

CITIES_VARIABLE = "BAROMETER_CITIES"
# Airflow's own pool, always there. A source of a rate-limited platform names another one in its city's file; that one
# starts with a single slot, so that no two tasks ask the platform at once, and an operator may widen it in Airflow.
DEFAULT_POOL = "default_pool"
PLATFORM_POOL_SLOTS = 1
FALLBACK_TIMEZONE = "UTC"


@dataclass(frozen=True)
class CityCard:
    """A city's id, name, time zone (IANA) and its source ids by pool."""

    id: str
    name: str
    timezone: str
    pools: Mapping[str, tuple[str, ...]]


def city_cards(configs: Path | None = None, only: Iterable[str] | None = None) -> tuple[CityCard, ...]:
    """Cards of all cities below `configs`, or of those named by `only` (default: the variable `BAROMETER_CITIES`).

    A folder whose files cannot be read still gets a card, so that its DAG is there to say what is wrong with it.
    """
    configs = configs or Settings().configs
    wanted = set(_named() if only is None else only)
    folders = sorted(path.parent for path in (configs / "cities").glob("*/city.yaml"))
    return tuple(_card(folder) for folder in folders if not wanted or folder.name in wanted)


@cache
def timezone_of(city_id: str) -> str:
    """Time zone of one city."""
    return _card(Settings().configs / "cities" / city_id).timezone


def pool_slots(cards: Iterable[CityCard]) -> dict[str, int]:
    """Every pool the cities' sources name beside Airflow's own, with its number of slots at first."""
    names = sorted({pool for card in cards for pool in card.pools} - {DEFAULT_POOL})
    return dict.fromkeys(names, PLATFORM_POOL_SLOTS)


def _named() -> list[str]:
    return [name for name in os.environ.get(CITIES_VARIABLE, "").split(",") if name]


def _card(folder: Path) -> CityCard:
    city = _mapping(folder / "city.yaml")
    sources = [each for each in city.get("sources") or [] if isinstance(each, dict)]
    return CityCard(
        id=folder.name,
        name=str(city.get("name", folder.name)),
        timezone=_timezone(city.get("timezone")),
        pools=_by_pool(sources),
    )


def _by_pool(sources: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    pools: dict[str, list[str]] = {}
    for source in sources:
        pools.setdefault(_pool(source), []).append(str(source.get("id", "")))
    return {pool: tuple(ids) for pool, ids in pools.items()}


def _pool(source: Mapping[str, Any]) -> str:
    """A source's pool: the one it names, else of a live source its service's, so that no two tasks ask it at once."""
    own = source.get("service") if source.get("kind") == "live" else None
    return str(source.get("pool") or own or DEFAULT_POOL)


def _timezone(name: object) -> str:
    """The time zone, or UTC where it is none: one city's mistake must not take the other cities' DAGs away."""
    try:
        return ZoneInfo(str(name)).key
    except (KeyError, OSError, ValueError):
        return FALLBACK_TIMEZONE


def _mapping(path: Path) -> dict[str, Any]:
    """A YAML file's mapping; empty where the file is missing or broken, which `load_city` reports in full."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}
