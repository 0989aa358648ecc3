"""Any nights of posts, edits and removals, against a few lines that say what must be left at the end.

What must be left: of each post the newest version ever seen, unless something at least as new took back the post or
its author. Neither the order of records nor of nights matters, nor how often a night is run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.ingest.removals import apply_removals
from barometer.ingest.run import ingest_source
from barometer.lake import Lake
from barometer.ledger import require_balance
from barometer.night import Night
from barometer.settings import Settings
from tests.ingest.helpers import NIGHT, PlainDoor, a_night, a_source, pseudonym, table, write_lines

START = datetime(2026, 5, 1, tzinfo=UTC)
AUTHORS = {"1": "ada", "2": "ada", "3": "bo"}
NIGHTS = 3


@dataclass(frozen=True)
class Version:
    """One version of a post; its words follow from its hour, so that there are no conflicts."""

    post: str
    hour: int

    @property
    def at(self) -> datetime:
        return START + timedelta(hours=self.hour)

    def record(self) -> dict[str, Any]:
        return {
            "id": self.post,
            "platform": "forum",
            "author": AUTHORS[self.post],
            "created_at": START.isoformat(),
            "edited_at": self.at.isoformat(),
            "text": self.text,
        }

    @property
    def text(self) -> str:
        return f"words of {self.post} at {self.hour}"


@dataclass(frozen=True)
class Takeback:
    """A removal of a post or an author."""

    kind: str
    name: str
    hour: int

    def record(self) -> dict[str, Any]:
        at = START + timedelta(hours=self.hour)
        return {"remove": self.kind, "id": self.name, "author": self.name, "platform": "forum", "at": at.isoformat()}

    def reaches(self, version: Version) -> bool:
        name = version.post if self.kind == "post" else AUTHORS[version.post]
        return name == self.name and version.hour <= self.hour


HOURS = st.integers(0, 6)
VERSIONS = st.builds(Version, st.sampled_from(sorted(AUTHORS)), HOURS)
TAKEBACKS = st.builds(Takeback, st.just("post"), st.sampled_from(sorted(AUTHORS)), HOURS) | st.builds(
    Takeback, st.just("author"), st.sampled_from(["ada", "bo"]), HOURS
)
RECORDS = st.lists(VERSIONS | TAKEBACKS, max_size=6)


def what_must_be_left(records: Iterable[Version | Takeback]) -> dict[str, str]:
    """Post -> words."""
    told = list(records)
    takebacks = [one for one in told if isinstance(one, Takeback)]
    newest: dict[str, Version] = {}
    for one in told:
        if isinstance(one, Version) and one.hour >= newest.get(one.post, one).hour:
            newest[one.post] = one
    return {v.post: v.text for v in newest.values() if not any(one.reaches(v) for one in takebacks)}


def what_is_left(night: Night) -> dict[str, str]:
    names = {pseudonym("post", f"forum:{post}"): post for post in AUTHORS}
    rows = table(night, "received_posts")
    assert rows["post"].is_unique().all()
    return {names[post]: text.removeprefix("masked ") for post, text in rows.select("post", "text").iter_rows()}


def run(night: Night) -> None:
    assert ingest_source(night, a_source(), PlainDoor()).is_balanced
    apply_removals(night)
    require_balance(night)


def nights_in(folder: Path) -> list[Night]:
    lake, where = Lake(str(folder / "lake"), "testville"), Settings(home=folder)
    return [a_night(lake, where, NIGHT + timedelta(days=i)) for i in range(NIGHTS)]


@settings(max_examples=12)
@given(
    deliveries=st.lists(RECORDS, min_size=NIGHTS, max_size=NIGHTS),
    again=st.lists(st.integers(0, NIGHTS - 1), max_size=2),
)
def test_what_must_be_left_is_left_and_no_more(
    tmp_path_factory: pytest.TempPathFactory, deliveries: list[list[Version | Takeback]], again: list[int]
) -> None:
    nights = nights_in(tmp_path_factory.mktemp("nights"))
    for number, (night, delivered) in enumerate(zip(nights, deliveries, strict=True)):
        path = night.settings.inbox / f"testville/posts/{number}.jsonl"
        write_lines(path, *(one.record() for one in delivered))
        run(night)
        assert what_is_left(night) == what_must_be_left(one for seen in deliveries[: number + 1] for one in seen)
    for number in again:
        run(nights[number])
    assert what_is_left(nights[-1]) == what_must_be_left(one for seen in deliveries for one in seen)


@settings(max_examples=6)
@given(deliveries=st.lists(RECORDS, min_size=NIGHTS, max_size=NIGHTS))
def test_no_byte_of_a_version_that_is_not_left_is_in_the_lake(
    tmp_path_factory: pytest.TempPathFactory, deliveries: list[list[Version | Takeback]]
) -> None:
    nights = nights_in(tmp_path_factory.mktemp("nights"))
    for number, (night, delivered) in enumerate(zip(nights, deliveries, strict=True)):
        write_lines(night.settings.inbox / f"testville/posts/{number}.jsonl", *(one.record() for one in delivered))
        run(night)
    left = set(what_must_be_left(one for seen in deliveries for one in seen).values())
    stored = stored_texts(nights[-1])
    assert stored == {f"masked {text}" for text in left}


def stored_texts(night: Night) -> set[str]:
    """Words in any file below the table, whether the table still refers to it or not."""
    files = [str(path) for path in Path(night.lake.location("received_posts")).rglob("*.parquet")]
    texts: set[str] = set()
    for file in files:
        texts |= set(pl.read_parquet(file, columns=["text"], hive_partitioning=False)["text"])
    return texts
