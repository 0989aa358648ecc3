"""A removal reaches every table and every byte; a newer version stays."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from barometer import lake as lake_module
from barometer.city import SourceConfig
from barometer.errors import BadInput
from barometer.ingest.removals import apply_removals, request_removal
from barometer.ingest.run import ingest_source
from barometer.lake import Lake, tombstone
from barometer.ledger import Counts
from barometer.night import Night
from barometer.settings import Settings
from tests.ingest.helpers import NIGHT, PlainDoor, a_night, a_post, a_source, pseudonym, table, write_lines
from tests.rows import rows

SECOND, THIRD = NIGHT + timedelta(days=1), NIGHT + timedelta(days=2)
SOURCES = (
    a_source(id="forum", options={"platform": "forum"}),
    a_source("csv", "removals", "removals", id="requests"),
    a_source("csv", "answers", "answers", id="panel", options={"codebook": "any.yaml"}),
    a_source("csv", "reports", "reports", id="desk"),
)


class Town:
    """The square town, in which posts are prepared and labelled by hand."""

    def __init__(self, lake: Lake, settings: Settings) -> None:
        self.lake, self.settings, self.door = lake, settings, PlainDoor()
        self.inbox = settings.inbox / "testville"

    def night(self, day: date = NIGHT) -> Night:
        return a_night(self.lake, self.settings, day, SOURCES)

    def run(self, day: date, *records: Any, requests: tuple[str, ...] = ()) -> Counts:
        """A night: posts and requests come in, are settled, removals are made, and posts are prepared and labelled."""
        write_lines(self.inbox / f"posts/{day}.jsonl", *records)
        write_lines(self.inbox / f"removals/{day}.csv", "kind,id,source,at,reason", *requests)
        for source in SOURCES[:2]:
            self.ingest(day, source)
        counts = apply_removals(self.night(day))
        self.prepare(day)
        return counts

    def ingest(self, day: date, source: SourceConfig = SOURCES[0]) -> Counts:
        return ingest_source(self.night(day), source, self.door)

    def prepare(self, day: date) -> None:
        raw = self.rows("received_posts").filter(pl.col("night") == day)
        columns = ("post", "author", "text", "created_at", "platform", "repost_of")
        made = [{"night": day, **{name: row[name] for name in columns}} for row in raw.iter_rows(named=True)]
        labels = [{"night": day, "shard": 0, "post": row["post"]} for row in made]
        self.lake.replace("posts", rows("posts", *made), partition={"night": day})
        self.lake.replace("labels", rows("labels", *labels), partition={"night": day, "shard": 0})

    def rows(self, name: str) -> pl.DataFrame:
        return table(self.night(), name)

    def posts(self, name: str = "received_posts") -> set[str]:
        """Which of posts 1 to 9 are in a table."""
        known = {pseudonym("post", f"forum:{i}"): str(i) for i in range(1, 10)}
        return {known[one] for one in self.rows(name)["post"]}

    def bytes_in_lake(self) -> bytes:
        root = Path(self.lake.root)
        return b"".join(path.read_bytes() for path in root.rglob("*") if path.is_file())


@pytest.fixture
def town(lake: Lake, settings_here: Settings) -> Town:
    return Town(lake, settings_here)


def remove(kind: str, name: str, at: str = "2026-05-09T20:00:00Z") -> dict[str, str]:
    return {"remove": kind, "id": name, "author": name, "platform": "forum", "at": at}


class TestApplyRemovals:
    def test_a_post_goes_from_every_table(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        assert town.run(SECOND, remove("post", "1")) == Counts(read=1, received=1, removed=1)
        for name in ("received_posts", "posts", "labels"):
            assert town.posts(name) == {"2"}

    def test_not_a_byte_of_it_stays(self, town: Town) -> None:
        town.run(NIGHT, a_post("1", text="the unforgettable sentence"), a_post("2"))
        assert pseudonym("post", "forum:1").encode() in town.bytes_in_lake()
        town.run(SECOND, remove("post", "1"))
        assert pseudonym("post", "forum:1").encode() not in town.bytes_in_lake()

    def test_an_author_goes_with_all_posts_up_to_the_time(self, town: Town) -> None:
        late = a_post("3", created_at="2026-05-09T21:00:00Z")
        town.run(NIGHT, a_post("1"), a_post("2", author="bo"), late)
        town.run(SECOND, remove("author", "ada"))
        assert town.posts() == town.posts("posts") == town.posts("labels") == {"2", "3"}

    def test_what_repeats_a_deleted_post_goes_too(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"), a_post("2", author="bo", repost_of="1"), a_post("3", author="bo"))
        town.run(SECOND, remove("post", "1"))
        assert town.posts() == town.posts("posts") == {"3"}

    def test_posts_that_repeat_each_other_in_a_circle_go_too(self, town: Town) -> None:
        town.run(NIGHT, a_post("1", repost_of="2"), a_post("2", repost_of="1"), a_post("3"))
        town.run(SECOND, remove("post", "1"))
        assert town.posts() == {"3"}

    def test_another_source_of_the_same_night_can_take_back(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"), requests=("post,1,forum,,",))
        assert town.posts() == {"2"}

    def test_a_post_whose_raw_row_was_purged_goes_from_what_was_made_of_it(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        town.lake.maintain(received_before=SECOND)
        town.run(SECOND, remove("author", "ada"))
        assert town.posts("posts") == town.posts("labels") == set()

    def test_rejected_records_of_an_author_go_too(self, town: Town) -> None:
        town.run(NIGHT, a_post("1", text=7), a_post("2", text=7, author="bo"))
        town.run(SECOND, remove("author", "ada"))
        assert town.rows("quarantine")["author"].to_list() == [pseudonym("author", "forum:bo")]

    def test_rows_of_an_earlier_try_that_were_replaced_go_too(self, town: Town) -> None:
        path = town.inbox / f"posts/{NIGHT}.jsonl"
        town.run(NIGHT, a_post("1"), a_post("2"))
        write_lines(path, a_post("2"), a_post("4"))
        town.ingest(NIGHT)
        assert "1" not in town.posts()
        town.run(SECOND, remove("post", "1"))
        assert pseudonym("post", "forum:1").encode() not in town.bytes_in_lake()

    def test_again_and_again_it_is_the_same(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        first = town.run(SECOND, remove("post", "1"), a_post("3"))
        before = {
            name: town.rows(name).to_dicts() for name in ("received_posts", "posts", "labels", "ledger", "removals")
        }
        assert apply_removals(town.night(SECOND)) == first
        assert {name: town.rows(name).to_dicts() for name in before} == before

    def test_a_night_without_removals_removes_nothing(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"))
        assert apply_removals(town.night(SECOND)) == Counts()
        assert town.posts() == {"1"}

    def test_an_earlier_night_run_again_does_not_bring_back_what_is_gone(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        town.run(SECOND, remove("post", "1"))
        town.ingest(NIGHT)
        assert town.posts() == {"2"}


class TestEdits:
    edited = a_post("1", text="edited", edited_at="2026-05-09T18:00:00Z")

    def test_the_older_version_goes_with_what_was_made_of_it_and_the_newer_stays(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        town.run(SECOND, self.edited)
        raw = town.rows("received_posts")
        assert sorted(raw["text"]) == ["masked edited", "masked words of 2"]
        for name in ("posts", "labels"):
            assert sorted(town.rows(name).select("post", "night").rows()) == sorted(
                [(pseudonym("post", "forum:1"), SECOND), (pseudonym("post", "forum:2"), NIGHT)]
            )

    def test_the_newer_stays_when_the_night_is_run_again(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"))
        town.run(SECOND, self.edited)
        before = {name: town.rows(name).to_dicts() for name in ("received_posts", "posts", "labels", "ledger")}
        town.ingest(SECOND)
        apply_removals(town.night(SECOND))
        assert {name: town.rows(name).to_dicts() for name in before} == before

    def test_edited_and_then_deleted_nothing_stays(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"))
        town.run(SECOND, self.edited)
        town.run(THIRD, remove("post", "1"))
        assert town.posts() == town.posts("posts") == town.posts("labels") == set()
        assert pseudonym("post", "forum:1").encode() not in town.bytes_in_lake()

    def test_deleted_and_made_anew_only_the_new_stays(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"))
        anew = a_post("1", created_at="2026-05-09T22:00:00Z", text="anew")
        town.run(SECOND, remove("post", "1"), anew)
        assert town.rows("received_posts")["text"].to_list() == ["masked anew"]
        assert town.rows("posts")["night"].to_list() == [SECOND]


class TestRequestRemoval:
    def test_a_post_goes_at_once_and_never_returns(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        request_removal(town.night(), kind="post", value="forum:1", door=town.door)
        assert town.posts() == town.posts("posts") == town.posts("labels") == {"2"}
        town.run(SECOND, a_post("1"))
        assert town.posts() == {"2"}
        town.ingest(NIGHT)
        assert town.posts() == {"2"}

    def test_an_author_goes_at_once(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"), a_post("2", author="bo"))
        request_removal(town.night(), kind="author", value="ada", door=town.door, reason="consent_withdrawn")
        assert town.posts() == {"2"}
        (stone,) = town.rows("removals").to_dicts()
        assert stone["subject"] == tombstone(pseudonym("author", "forum:ada"))
        assert (stone["source"], stone["reason"]) == ("operator", "consent_withdrawn")
        assert stone["effective_at"] == town.night().horizon

    def test_a_time_can_be_given_and_the_later_of_two_holds(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"), a_post("2", created_at="2026-05-09T10:00:00Z"))
        early, late = datetime(2026, 5, 9, 9, tzinfo=UTC), datetime(2026, 5, 9, 11, tzinfo=UTC)
        request_removal(town.night(), kind="author", value="ada", door=town.door, at=early)
        assert town.posts() == {"2"}
        request_removal(town.night(), kind="author", value="ada", door=town.door, at=late)
        request_removal(town.night(), kind="author", value="forum:ada", door=town.door, at=early)
        assert town.posts() == set()
        assert town.rows("removals")["effective_at"].to_list() == [late]

    def test_a_respondent_goes_with_the_answers(self, town: Town) -> None:
        person, response = pseudonym("respondent", "panel:17"), pseudonym("record", "panel:w1/17")
        other = {"respondent": "x", "response": "y"}
        at = {"night": NIGHT, "source": "panel"}
        ids = {"respondent": person, "response": response}
        town.lake.replace("respondents", rows("respondents", {**at, **ids}, {**at, **other}), partition=at)
        town.lake.replace("answers", rows("answers", {**at, **ids}, {**at, **other}), partition=at)
        request_removal(town.night(), kind="respondent", value="17", door=town.door)
        assert town.rows("respondents")["respondent"].to_list() == town.rows("answers")["respondent"].to_list() == ["x"]
        assert person.encode() not in town.bytes_in_lake()

    def test_a_practitioner_goes_with_the_reports(self, town: Town) -> None:
        at = {"night": NIGHT, "source": "desk"}
        mine, other = {"report": "r1", "rater": pseudonym("rater", "desk:7")}, {"report": "r2", "rater": "x"}
        town.lake.replace("reports", rows("reports", {**at, **mine}, {**at, **other}), partition=at)
        request_removal(town.night(), kind="rater", value="desk:7", door=town.door)
        assert town.rows("reports")["report"].to_list() == ["r2"]

    def test_an_id_nobody_knows_must_say_where_it_is_from(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"))
        with pytest.raises(BadInput, match=r"known to none of forum: write it with .* e\.g\. forum:ID"):
            request_removal(town.night(), kind="post", value="77", door=town.door)
        request_removal(town.night(), kind="post", value="forum:77", door=town.door)
        town.run(SECOND, a_post("77"))
        assert town.posts() == {"1"}

    def test_an_id_that_two_platforms_know_must_say_which(self, town: Town) -> None:
        town.run(NIGHT, a_post("1"), a_post("1", platform="letters"))
        with pytest.raises(BadInput, match="known to several of forum, letters"):
            request_removal(town.night(), kind="post", value="1", door=town.door)

    def test_the_message_does_not_repeat_the_id(self, town: Town) -> None:
        with pytest.raises(BadInput) as refusal:
            request_removal(town.night(), kind="author", value="somebody's-name", door=town.door)
        assert "somebody" not in str(refusal.value)

    @pytest.mark.parametrize(("kind", "reason"), [("city", "operator"), ("post", "boredom")])
    def test_kinds_and_reasons_that_are_none_are_refused(self, town: Town, kind: str, reason: str) -> None:
        with pytest.raises(BadInput, match="kinds are post, author"):
            request_removal(town.night(), kind=kind, value="forum:1", door=town.door, reason=reason)


class Death(BaseException):
    """A process killed: nothing catches it."""


def die_at_write(monkeypatch: pytest.MonkeyPatch, number: int, *, after: bool) -> None:
    """From now on the lake's write of that number kills, before or after it is done."""
    writes = itertools.count()
    write = lake_module.write_deltalake

    def mortal(*args: Any, **kwargs: Any) -> None:
        is_last = next(writes) == number
        if is_last and not after:
            raise Death
        write(*args, **kwargs)
        if is_last:
            raise Death

    monkeypatch.setattr(lake_module, "write_deltalake", mortal)


@pytest.mark.fault
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(5))
def test_killed_at_any_write_and_started_again_no_row_and_no_byte_of_an_author_stays(
    town: Town, monkeypatch: pytest.MonkeyPatch, number: int, after: bool
) -> None:
    town.run(NIGHT, a_post("1"), a_post("2", author="bo"), a_post("3", author="bo", repost_of="1"), a_post("4", text=7))
    write_lines(town.inbox / f"posts/{SECOND}.jsonl", remove("author", "ada"))
    town.ingest(SECOND)
    with monkeypatch.context() as patch:
        die_at_write(patch, number, after=after)
        with pytest.raises(Death):
            apply_removals(town.night(SECOND))
    apply_removals(town.night(SECOND))
    assert town.posts() == town.posts("posts") == town.posts("labels") == {"2"}
    assert town.rows("quarantine").is_empty()
    left = town.bytes_in_lake()
    assert not any(one.encode() in left for one in (pseudonym("author", "forum:ada"), pseudonym("post", "forum:1")))
