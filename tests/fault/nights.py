"""Two nights of a small sample city, run in processes of their own, so that they can be killed."""

from __future__ import annotations

import multiprocessing
import re
import shutil
import tempfile
from datetime import date
from functools import cache
from pathlib import Path

import polars as pl

from barometer.city import load_city
from barometer.lake import Lake, open_lake
from barometer.settings import PROJECT, Settings
from barometer.simulate.run import simulate
from barometer.tables import TABLES
from tests.fault import night_that_dies

CITY = "sample"
# Half a year of periods is not needed here: only what happens when a night dies, and what it leaves.
LOOKBACK_DAYS = 60
SEED, POSTS, RESPONDENTS = 1, 600, 1500
HISTORY, LAST = date(2026, 5, 9), date(2026, 5, 10)
MOST_SECONDS = 240

# A server that has imported everything once and computed nothing: a night starts at once, and in a clean process.
_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(
    [
        "tests.fault.night_that_dies",
        "barometer.check.run",
        "barometer.classify.rumours",
        "barometer.classify.run",
        "barometer.estimate.run",
        "barometer.ingest.removals",
        "barometer.ingest.run",
        "barometer.prepare.privacy",
        "barometer.prepare.run",
        "barometer.release.draft",
    ]
)


@cache
def configs() -> Path:
    """The project's configuration, issuing fewer periods a night."""
    folder = Path(tempfile.mkdtemp(prefix="configs-")) / "configs"
    shutil.copytree(PROJECT / "configs", folder)
    file = folder / "indicators.yaml"
    shorter, changed = re.subn(r"(?m)^lookback_days: \d+$", f"lookback_days: {LOOKBACK_DAYS}", file.read_text("utf-8"))
    assert changed == 1
    file.write_text(shorter, "utf-8")
    return folder


def settings_at(home: Path) -> Settings:
    """Settings of a home for these nights."""
    return Settings(home=home, configs=configs())


def deliver(home: Path, through: date) -> None:
    """Put the sample city's raw files up to a day into the inbox below `home`."""
    settings = settings_at(home)
    simulate(
        load_city(CITY, settings.configs), settings, seed=SEED, posts=POSTS, respondents=RESPONDENTS, through=through
    )


def run_night(home: Path, night: date, moment: str = "never", number: int = 0) -> int:
    """Run a night in its own process; returns its exit code, negative when a signal ended it."""
    process = _SERVER.Process(target=night_that_dies.run, args=(home, CITY, night, moment, number, configs()))
    process.start()
    process.join(MOST_SECONDS)
    assert process.exitcode is not None, f"the night did not end within {MOST_SECONDS} s"
    return process.exitcode


def writes_of(home: Path) -> int:
    """Number of writes of the last night that ran to its end."""
    return int((home / night_that_dies.WRITES_FILE).read_text("utf-8"))


def lake_of(home: Path) -> Lake:
    return open_lake(Settings(home=home), CITY)


def all_tables(home: Path) -> dict[str, pl.DataFrame]:
    """Every table, in the order of its key."""
    lake = lake_of(home)
    return {name: lake.read(name).collect().sort(table.key) for name, table in TABLES.items()}


def lake_bytes(home: Path) -> bytes:
    """Every byte on disk of the city's lake, log included."""
    folder = home / "lake" / CITY
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
