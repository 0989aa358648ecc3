"""A night of Testville that was estimated and released, by hand: only what an explanation reads of a release."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from barometer.configured import archive
from barometer.estimate.explain.run import explanations
from barometer.estimate.run import estimate
from barometer.lake import tombstone
from barometer.night import Night
from barometer.published import fingerprint, issued, software_version
from barometer.settings import PROJECT
from barometer.tables import TABLES
from tests.estimate.fielded import SOURCES, fielded_night
from tests.rows import NIGHT, rows
from tests.towns import a_night

NEXT = NIGHT + timedelta(days=1)
# One of every kind that Testville has rows of: fewer are estimated sooner.
KEPT = (
    "trust_police",
    "trust_police_now",
    "posts_distrust_share",
    "posts_distrust_people",
    "practitioner_trust",
    "observed_staying_rate",
    "service_requests_rate",
)


def configs(folder: Path, change: Callable[[dict[str, Any]], None] = lambda indicator: None) -> Path:
    """A folder of configuration with the indicators of KEPT, each as `change` leaves it."""
    content = yaml.safe_load((PROJECT / "configs" / "indicators.yaml").read_text("utf-8"))
    content["indicators"] = [each for each in content["indicators"] if each["id"] in KEPT]
    for indicator in content["indicators"]:
        change(indicator)
    folder.mkdir(exist_ok=True)
    (folder / "indicators.yaml").write_text(yaml.safe_dump(content), "utf-8")
    return folder


def configured_at(night: Night, folder: Path) -> Night:
    """The night with the configuration of another folder."""
    return replace(night, settings=night.settings.model_copy(update={"configs": folder}))


def town(tmp_path: Path) -> Night:
    """A night with rows of all signals, nothing estimated."""
    return configured_at(fielded_night(tmp_path), configs(tmp_path / "kept"))


def empty_town(tmp_path: Path, home: Path) -> Night:
    """The same night with copies of what another town has stored."""
    (tmp_path / "city").mkdir()
    night = a_night(tmp_path, NIGHT, *SOURCES)
    shutil.copytree(home, night.settings.home)
    return configured_at(night, configs(tmp_path / "kept"))


def release(night: Night, number: int = 1, *, keep: bool = True, **changes: Any) -> Path:
    """Publish what the lake has of the night, as if approved this moment; `changes` are of its manifest."""
    exact = issued(night)
    (version,) = exact["config_version"].unique()
    folder = night.settings.releases / night.city.id / f"{night.night}-{number}"
    folder.mkdir(parents=True)
    manifest = {
        "files": {},
        "inputs_sha256": fingerprint(exact),
        "config_versions": [version],
        "software": {"version": software_version()},
        "approval": {"approved_at": datetime.now(UTC).isoformat(), "approved_by": "somebody"},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest | changes), "utf-8")
    exact.drop("night").write_parquet(folder / "estimates.parquet")
    if keep:
        archive(night, version)
    return folder


def released_night(tmp_path: Path, **changes: Any) -> Night:
    """A night with rows of all signals, estimated and released."""
    night = town(tmp_path)
    estimate(night)
    release(night, **changes)
    return night


def later(night: Night, day: date = NEXT, **changes: Any) -> Night:
    """The same city on a later night; `changes` are of the city."""
    return replace(night, night=day, city=replace(night.city, **changes))


def explained(night: Night) -> pl.DataFrame:
    """Rows of `explanations` once the night is estimated."""
    estimate(night)
    return explanations(night)


def parts_of(found: pl.DataFrame, indicator: str, area: str, **where: Any) -> dict[str, float]:
    """factor -> part of one change."""
    cell = found.filter(
        pl.col("indicator") == indicator,
        pl.col("area") == area,
        *(pl.col(name) == value for name, value in where.items()),
    )
    assert cell["factor"].is_unique().all(), "say which period"
    return dict(cell.select("factor", "part").iter_rows())


def changes_of(found: pl.DataFrame) -> pl.DataFrame:
    """One row a change: its key, the sum of its parts, and the change stated."""
    key = ["indicator", "geography", "area", "period_start", "period_end"]
    return found.group_by(key).agg(parts=pl.col("part").sum(), change=pl.col("change").first())


def withdraw(night: Night, posts: list[str], *, on: date) -> None:
    """Remove posts as a deletion does, with their tombstones."""
    night.lake.remove("posts", pl.DataFrame({"post": posts}))
    marks = [
        {"night": on, "source": "operator", "kind": "post", "subject": tombstone(post), "reason": "deleted"}
        for post in posts
    ]
    night.lake.replace("removals", rows("removals", *marks), partition={"night": on, "source": "operator"})


def edit(night: Night, table: str, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    """Write a changed version of every partition of a table."""
    frame = night.lake.read(table).collect()
    for partition, part in change(frame).partition_by(TABLES[table].partition, as_dict=True).items():
        at = dict(zip(TABLES[table].partition, partition, strict=True))
        night.lake.replace(table, part, partition=at)
