"""A night of Testville with rows of all five signals in its lake, ready to be estimated."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

from barometer.night import Night
from barometer.tables import TABLES
from tests.estimate.made import (
    BLOCK_START,
    answer,
    counted,
    post_rows,
    report,
    respondent,
    sighting,
    voices,
)
from tests.rows import NIGHT, rows
from tests.towns import AREAS, a_night, a_source

SOURCES = [
    a_source(id="posts", signal="posts"),
    a_source(id="pulse", signal="answers", path="a/*.csv", format="csv", options={"codebook": "x.yaml"}),
    a_source(id="reports", signal="reports", path="r/*.csv", format="csv"),
    a_source(id="street", signal="observations", path="o/*.csv", format="csv"),
    a_source(id="counts", signal="counts", path="c/*.csv", format="csv"),
]


def put(night: Night, table: str, *several: dict[str, Any], on: date = NIGHT) -> None:
    frame = rows(table, *(values | {"night": on} for values in several))
    night.lake.replace(table, frame, partition={key: frame[key][0] for key in TABLES[table].partition})


def put_posts(night: Night, posts: list[dict[str, Any]], on: date = NIGHT, **values: Any) -> None:
    frame, labels = post_rows(posts, night=on, **values)
    night.lake.replace("posts", frame, partition={"night": on})
    night.lake.replace("labels", labels, partition={"night": on, "shard": 0})


def put_survey(night: Night, size: int = 60, wave: str = "w1", first: int = 0, **values: Any) -> None:
    people = [respondent(first + i, area=AREAS[i % 2], wave=wave, **values) for i in range(size)]
    tenure = [answer(first + i, "group.tenure", category="own" if i % 3 else "rent") for i in range(size)]
    police = [answer(first + i, "trust_police", float(i % 11)) for i in range(size)]
    put(night, "respondents", *people)
    put(night, "answers", *tenure, *police)


def fill(night: Night) -> None:
    """All five signals, in T1 and T2, in the block of the night."""
    put_posts(night, [*voices(12, distrusting=3), *voices(11, area="T2", first=50), *voices(4, area=None, first=90)])
    put_survey(night)
    put(night, "reports", *(report(i, f"q{i}", 1 + i % 5, area=AREAS[i % 2]) for i in range(8)))
    put(night, "observations", *(sighting(i, f"s{i}", 3, group_size=3, is_mixed_group=True) for i in range(4)))
    put(night, "counts", *(counted(i, 2, counted_on=BLOCK_START + timedelta(days=i)) for i in range(18)))


def fielded_night(tmp_path: Path) -> Night:
    """A night with sources of all signals, filled."""
    (tmp_path / "city").mkdir()
    night = a_night(tmp_path, NIGHT, *SOURCES)
    fill(night)
    return night
