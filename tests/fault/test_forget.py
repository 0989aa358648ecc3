"""One deleted post, one deleted author, one withdrawn respondent: no row and no byte of them stays in the lake."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard

from barometer.ingest.removals import request_removal
from barometer.night import open_night
from barometer.prepare.privacy import city_door
from barometer.settings import Settings
from barometer.tables import TABLES
from tests.fault.nights import CITY, HISTORY, LAST, lake_bytes, lake_of, run_night

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]


@dataclass(frozen=True)
class Delivered:
    """Raw records as they lie in the inbox, before and on the last day."""

    home: Path
    posts: list[dict[str, Any]]
    takedowns: list[dict[str, Any]]
    withdrawn: list[str]


def raw_lines(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("posts/*.jsonl.zst")):
        with path.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
            yield from (json.loads(line) for line in io.TextIOWrapper(stream, "utf-8"))


@pytest.fixture(scope="module")
def after(undisturbed: Path) -> Delivered:
    """The last day brought one deleted post, one closed account, one edited post and one withdrawn respondent."""
    inbox = undisturbed / "inbox" / CITY
    lines = list(raw_lines(inbox))
    removals = pl.read_csv(next((inbox / "removals").glob("*.csv")), infer_schema=False)
    withdrawn = removals.filter(pl.col("kind") == "respondent")["id"].to_list()
    posts = [line for line in lines if "remove" not in line]
    return Delivered(undisturbed, posts, [line for line in lines if "remove" in line], withdrawn)


def pseudonyms(home: Path) -> Any:
    settings = Settings(home=home)
    night = open_night(CITY, LAST, settings)
    return city_door(night.city, settings)


def rows_with(home: Path, value: str) -> dict[str, int]:
    """Tables with a row in which any text column equals `value`, superseded rows included."""
    lake, found = lake_of(home), {}
    for name, table in TABLES.items():
        texts = [column for column, dtype in table.schema.items() if dtype == pl.String()]
        matching = lake.read_every_version(name).filter(pl.any_horizontal(pl.col(texts) == value)).collect().height
        if matching:
            found[name] = matching
    return found


def assert_forgotten(home: Path, pseudonym: str) -> None:
    assert rows_with(home, pseudonym) == {}
    assert pseudonym.encode() not in lake_bytes(home)


def test_the_deleted_post_was_there_and_is_gone(evening: Path, after: Delivered) -> None:
    (takedown,) = [line for line in after.takedowns if line["remove"] == "post"]
    pseudonym = pseudonyms(evening).pseudonym("post", f"{takedown['platform']}:{takedown['id']}")
    assert {"received_posts", "posts", "labels"} <= set(rows_with(evening, pseudonym))
    assert_forgotten(after.home, pseudonym)


def test_every_post_of_the_deleted_author_was_there_and_is_gone(evening: Path, after: Delivered) -> None:
    (takedown,) = [line for line in after.takedowns if line["remove"] == "author"]
    door, platform = pseudonyms(evening), takedown["platform"]
    own = [p["id"] for p in after.posts if (p["author"], p["platform"]) == (takedown["author"], platform)]
    assert len(own) > 1
    author = door.pseudonym("author", f"{platform}:{takedown['author']}")
    assert rows_with(evening, author)["received_posts"] == len(own)
    assert_forgotten(after.home, author)
    for post in own:
        assert_forgotten(after.home, door.pseudonym("post", f"{platform}:{post}"))


def test_the_withdrawn_respondent_was_there_and_is_gone(evening: Path, after: Delivered) -> None:
    (respondent,) = after.withdrawn
    pseudonym = pseudonyms(evening).pseudonym("respondent", f"residents_pulse:{respondent}")
    assert set(rows_with(evening, pseudonym)) == {"respondents", "answers"}
    assert_forgotten(after.home, pseudonym)


def test_no_raw_id_or_account_was_ever_in_the_lake(evening: Path, after: Delivered) -> None:
    content = lake_bytes(evening) + lake_bytes(after.home)
    accounts = sorted({post["author"] for post in after.posts if len(post["author"]) > 8})
    ids = sorted({post["id"] for post in after.posts if len(post["id"]) > 8})
    assert accounts or ids
    assert [name for name in (*accounts, *ids) if name.encode() in content] == []


def test_what_was_taken_back_does_not_come_back_with_its_file(after: Delivered, tmp_path: Path) -> None:
    home = Path(shutil.copytree(after.home, tmp_path / "home"))
    assert run_night(home, HISTORY) == 0
    (takedown,) = [line for line in after.takedowns if line["remove"] == "post"]
    assert_forgotten(home, pseudonyms(home).pseudonym("post", f"{takedown['platform']}:{takedown['id']}"))


def test_an_operator_removes_a_post_at_once(evening: Path, tmp_path: Path) -> None:
    home = Path(shutil.copytree(evening, tmp_path / "home"))
    settings = Settings(home=home)
    night = open_night(CITY, HISTORY, settings)
    door = city_door(night.city, settings)
    line = next(raw_lines(home / "inbox" / CITY))
    value = f"{line['platform']}:{line['id']}"
    assert rows_with(home, door.pseudonym("post", value))
    request_removal(night, kind="post", value=value, door=door)
    assert_forgotten(home, door.pseudonym("post", value))
