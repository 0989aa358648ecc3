"""The step as a whole: every received post becomes one row, again and again the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.lake import EXPIRED_TEXT
from barometer.ledger import Counts
from barometer.night import Night
from barometer.prepare.privacy import CityDoor, city_door
from barometer.prepare.run import prepare
from barometer.tables import TABLES
from tests.rows import rows
from tests.towns import a_night

DAY = date(2026, 5, 9)
NOON = datetime(2026, 5, 9, 12, tzinfo=UTC)
RUMOUR = "they say the council is going to close our library on the first of june"


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return a_night(tmp_path, DAY)


def a_door(night: Night) -> CityDoor:
    return city_door(night.city, night.settings)


def receive(night: Night, *several: dict[str, Any], source: str = "posts") -> None:
    """Put posts p0, p1, … of `night` where ingest would have left them."""
    first = {"night": night.night, "source": source, "created_at": NOON}
    named = [{"post": f"{night.night}-{source}-{i}", **first, **values} for i, values in enumerate(several)]
    frame = rows("received_posts", *named) if named else TABLES["received_posts"].empty()
    night.lake.replace("received_posts", frame, partition={"night": night.night, "source": source})


def posts_of(night: Night) -> pl.DataFrame:
    return night.lake.read("posts").sort("post").collect()


def ledger_of(night: Night) -> list[dict[str, Any]]:
    return night.lake.read("ledger").filter(pl.col("step") == "prepare").collect().to_dicts()


def next_night(night: Night, days: int = 1) -> Night:
    return Night(city=night.city, lake=night.lake, settings=night.settings, night=night.night + timedelta(days=days))


def test_every_received_post_becomes_one_row_with_all_that_was_found(night: Night) -> None:
    # given a post that names a place and one in Polish without one
    receive(
        night,
        {"text": "The bins in Northgate have not been emptied for weeks"},
        {"text": "Śmieci nie były odbierane z naszej ulicy od trzech tygodni", "repost_of": "other", "reach": 7},
    )
    # when the night is prepared
    counts = prepare(night, a_door(night))
    # then both are there
    english, polish = posts_of(night).to_dicts()
    assert counts == Counts(read=2, received=2, written=2)
    assert (english["language"], english["area"], english["area_evidence"]) == ("en", "T1", "text")
    assert (polish["language"], polish["area"], polish["area_evidence"]) == ("pl", None, "none")
    assert (english["is_repost"], polish["is_repost"], polish["reach"]) == (False, True, 7)


def test_what_is_not_worked_out_here_is_carried_over(night: Night) -> None:
    receive(night, {"text": RUMOUR, "author": "a" * 32, "platform": "mastodon", "synthetic": False})
    prepare(night, a_door(night))
    carried = ["night", "source", "post", "author", "platform", "created_at", "text", "reach", "synthetic"]
    received = night.lake.read("received_posts").select(carried).collect()
    assert posts_of(night).select(carried).equals(received)


def test_sources_of_the_night_are_prepared_together(night: Night) -> None:
    receive(night, {"text": RUMOUR}, source="one")
    receive(night, {"text": RUMOUR.upper()}, source="two")
    assert prepare(night, a_door(night)).written == 2
    assert posts_of(night)["duplicate_group"].n_unique() == 1


def test_a_post_that_two_sources_bring_on_one_night_is_one_post_in_its_newest_version(night: Night) -> None:
    receive(night, {"post": "same", "text": "first words", "version_at": NOON}, source="a")
    receive(night, {"post": "same", "text": "better words", "version_at": NOON + timedelta(hours=1)}, source="b")
    counts = prepare(night, a_door(night))
    assert posts_of(night)["text"].to_list() == ["better words"]
    assert (counts.received, counts.written, counts.duplicate) == (2, 1, 1)
    assert counts.is_balanced


def test_of_two_equal_versions_the_first_source_is_kept(night: Night) -> None:
    for source in ("b", "a"):
        receive(night, {"post": "same"}, source=source)
    prepare(night, a_door(night))
    assert posts_of(night)["source"].to_list() == ["a"]


def test_the_ledger_says_what_came_and_went(night: Night) -> None:
    receive(night, {"text": "a"}, {"text": "b"})
    prepare(night, a_door(night))
    (entry,) = ledger_of(night)
    assert (entry["read"], entry["received"], entry["written"], entry["part"]) == (2, 2, 2, "all")


def test_running_again_changes_nothing(night: Night) -> None:
    receive(night, {"text": RUMOUR}, {"text": "Northgate is grand"})
    prepare(night, a_door(night))
    before, versions = posts_of(night), night.lake.versions()
    prepare(night, a_door(night))
    assert posts_of(night).equals(before)
    assert night.lake.versions() == versions


def test_a_later_night_finds_the_copies_of_an_earlier_one_and_leaves_its_rows_alone(night: Night) -> None:
    receive(night, {"text": RUMOUR})
    prepare(night, a_door(night))
    before = posts_of(night)
    later = next_night(night)
    receive(later, {"text": RUMOUR + "!", "created_at": NOON + timedelta(days=1)})
    prepare(later, a_door(night))
    assert posts_of(night).height == 2
    assert posts_of(night)["duplicate_group"].n_unique() == 1
    assert posts_of(night).filter(pl.col("night") == DAY).equals(before)


def test_running_an_earlier_night_again_does_not_look_at_later_ones(night: Night) -> None:
    receive(night, {"text": RUMOUR})
    prepare(night, a_door(night))
    later = next_night(night)
    receive(later, {"text": RUMOUR.replace("june", "july"), "created_at": NOON + timedelta(days=1)})
    prepare(later, a_door(night))
    everything = posts_of(night)
    prepare(night, a_door(night))
    assert posts_of(night).equals(everything)


def test_a_night_without_posts_is_a_night_too(night: Night) -> None:
    assert prepare(night, a_door(night)) == Counts()
    assert posts_of(night).is_empty()
    assert ledger_of(night)[0]["read"] == 0


def test_posts_outlive_the_purge_of_what_was_received(night: Night) -> None:
    # given a prepared night whose raw posts have been purged since
    receive(night, {"text": RUMOUR}, {"text": "Northgate is grand"})
    first = prepare(night, a_door(night))
    before = posts_of(night)
    assert night.lake.maintain(received_before=DAY + timedelta(days=1))["raw_posts_purged"] == 2
    # when it is prepared again, then its posts and its ledger stay as they were, but for the texts, whose time is over
    assert prepare(night, a_door(night)) == first
    assert posts_of(night).equals(before.with_columns(text=pl.lit(EXPIRED_TEXT)))


def test_a_removal_reaches_what_was_prepared(night: Night) -> None:
    receive(night, {"text": RUMOUR, "post": "gone"}, {"text": RUMOUR, "post": "stays"})
    prepare(night, a_door(night))
    night.lake.remove("received_posts", pl.DataFrame({"post": ["gone"]}))
    assert posts_of(night)["post"].to_list() == ["stays"]
    assert prepare(night, a_door(night)).written == 1
    assert posts_of(night)["post"].to_list() == ["stays"]


def test_a_received_row_that_changed_is_changed_here(night: Night) -> None:
    receive(night, {"text": "Northgate is grand"})
    prepare(night, a_door(night))
    receive(night, {"text": "Eastfield is grand"})
    prepare(night, a_door(night))
    assert posts_of(night)["area"].to_list() == ["T2"]


def test_durations_are_noted_outside_the_lake(night: Night) -> None:
    prepare(night, a_door(night))
    assert [path.name for path in (night.folder / "timings").iterdir()] == ["prepare.all.json"]


@given(
    texts=st.lists(
        st.one_of(st.text(max_size=40), st.sampled_from([RUMOUR, RUMOUR.upper(), "in Northgate", "RT @user: hi", ""])),
        max_size=6,
    )
)
def test_whatever_came_is_there_once_and_the_ledger_balances(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    night = a_night(tmp_path_factory.mktemp("night"), DAY)
    receive(night, *({"text": text} for text in texts))
    counts = prepare(night, a_door(night))
    first = posts_of(night)
    assert counts.is_balanced
    assert counts.written == len(texts) == first.height
    prepare(night, a_door(night))
    assert posts_of(night).equals(first)
