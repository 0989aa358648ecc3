"""Which deletions of a stream are kept: those of what the city holds, however they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import SourceConfig
from barometer.errors import ServiceUnavailable
from barometer.ingest.live.known import GRACE, has_neighbours, held, noted, only_known, sift
from barometer.ingest.source import Batch, Rejected, Removal
from barometer.lake import Lake, tombstone
from barometer.night import Night
from barometer.settings import Settings
from barometer.tables import TABLES
from tests.ingest.helpers import NIGHT, a_night, a_source

AT = datetime(2026, 5, 9, 12, tzinfo=UTC)


def a_removal(subject: str, at: datetime = AT, kind: str = "post") -> Removal:
    return Removal(kind, subject, at, "deleted", f"stream:{subject}")  # type: ignore[arg-type]


def a_batch(*removals: Removal, posts: Sequence[tuple[str, str]] = (), rejected: Sequence[Rejected] = ()) -> Batch:
    """A batch with rows of these posts and authors."""
    frame = pl.DataFrame(
        {
            "post": [post for post, _ in posts],
            "author": [author for _, author in posts],
            "repost_of": [None for _ in posts],
        },
        schema=dict.fromkeys(["post", "author", "repost_of"], pl.String),
    )
    read = len(removals) + len(posts) + len(rejected)
    return Batch({"received_posts": frame}, list(removals), list(rejected), read, 0, {"time_us": 1})


def sifted(*batches: Batch, held: Sequence[str] = (), noted: Sequence[str] = (), is_alone: bool = True) -> list[Batch]:
    in_lake = pl.Series(list(held), dtype=pl.String)
    before = {tombstone(one) for one in noted}
    return list(sift(batches, lambda: in_lake, before, is_alone=is_alone, most_waiting=3, at_once=3))


def subjects(batches: Sequence[Batch]) -> list[str]:
    return [removal.subject for batch in batches for removal in batch.removals]


class TestKept:
    def test_is_what_the_lake_holds(self) -> None:
        assert subjects(sifted(a_batch(a_removal("p1"), a_removal("p2")), held=["p2"])) == ["p2"]

    def test_is_what_came_in_the_same_intake_before_it_or_after_it(self) -> None:
        early, late = a_batch(a_removal("p1"), a_removal("p2")), a_batch(posts=[("p1", "ada")])
        assert subjects(sifted(early, late)) == ["p1"]
        assert subjects(sifted(late, early)) == ["p1"]

    def test_is_an_account_whose_post_came(self) -> None:
        gone = [a_removal("ada", kind="author"), a_removal("bo", kind="author")]
        assert subjects(sifted(a_batch(*gone), a_batch(posts=[("p1", "ada")]))) == ["ada"]

    def test_is_what_was_set_aside(self) -> None:
        rejected = Rejected("stream:1", "wrong_type", "text is wrong", subject="p1", author="ada")
        gone = [a_removal("p1"), a_removal("ada", kind="author"), a_removal("p2")]
        assert subjects(sifted(a_batch(*gone, rejected=[rejected]))) == ["p1", "ada"]

    def test_is_what_an_earlier_try_noted(self) -> None:
        assert subjects(sifted(a_batch(a_removal("p1"), a_removal("p2")), noted=["p1"])) == ["p1"]

    def test_is_what_was_deleted_in_the_last_hour_where_another_source_may_be_bringing_it(self) -> None:
        old, young = a_removal("p1", AT - GRACE - timedelta(seconds=1)), a_removal("p2", AT - GRACE)
        newest = a_removal("p3")
        assert subjects(sifted(a_batch(old, young, newest), is_alone=False)) == ["p2", "p3"]
        assert subjects(sifted(a_batch(old, young, newest), is_alone=True)) == []


class TestWaiting:
    def test_a_deletion_waits_for_its_post_while_three_more_come(self) -> None:
        others = [a_removal(f"x{n}") for n in range(5)]
        batches = [a_batch(a_removal("p1"), *others[:2]), a_batch(posts=[("p1", "ada")]), a_batch(*others[2:])]
        assert subjects(sifted(*batches)) == ["p1"]

    def test_and_no_longer_so_that_memory_is_bounded(self) -> None:
        others = [a_removal(f"x{n}") for n in range(5)]
        batches = [a_batch(a_removal("p1"), *others), a_batch(posts=[("p1", "ada")])]
        assert subjects(sifted(*batches)) == []

    def test_of_something_that_another_source_may_be_bringing_is_not_cut_short_by_many(self) -> None:
        young = [a_removal(f"x{n}") for n in range(8)]
        assert len(subjects(sifted(a_batch(*young), a_batch(*young), is_alone=False))) == 16

    @given(
        st.lists(st.lists(st.tuples(st.booleans(), st.integers(0, 9)), max_size=4), max_size=8),
        st.sets(st.integers(0, 9)),
    )
    def test_every_record_is_counted_once(self, told: list[list[tuple[bool, int]]], in_lake: set[int]) -> None:
        batches = [
            a_batch(
                *(a_removal(f"{n}") for is_removal, n in batch if is_removal),
                posts=[(f"{n}", f"author of {n}") for is_removal, n in batch if not is_removal],
            )
            for batch in told
        ]
        found = sifted(*batches, held=[f"{n}" for n in in_lake])
        rows = sum(batch.rows["received_posts"].height for batch in found if batch.rows)
        read = sum(batch.read for batch in found)
        assert read == sum(batch.read for batch in batches)
        assert read == rows + len(subjects(found)) + sum(batch.out_of_scope for batch in found)
        wanted = [r.subject for batch in batches for r in batch.removals if int(r.subject) in in_lake]
        assert [one for one in subjects(found) if int(one) in in_lake] == wanted

    def test_what_waits_when_the_source_fails_is_judged_before_the_failure_is_told(self) -> None:
        def failing() -> Iterator[Batch]:
            yield a_batch(a_removal("p1"), a_removal("p2"), posts=[("p1", "ada")])
            raise ServiceUnavailable("gone")

        found: list[Batch] = []
        with pytest.raises(ServiceUnavailable):
            found.extend(sift(failing(), lambda: pl.Series([], dtype=pl.String), frozenset(), is_alone=True))
        # `extend` keeps what was yielded before the error.
        assert subjects(found) == ["p1"]
        assert found[-1].cursor == {"time_us": 1}

    def test_a_source_that_brings_nothing_stays_silent(self) -> None:
        assert sifted() == []


class TestLake:
    @pytest.fixture
    def night(self, lake: Lake, settings_here: Settings) -> Night:
        return a_night(lake, settings_here)

    def test_holds_posts_authors_what_they_repeat_and_what_was_set_aside(self, night: Night) -> None:
        put(night, "received_posts", post="p1", author="ada", repost_of="p0")
        put(night, "posts", post="p2", author="bo")
        put(night, "quarantine", subject="p3", author="cy")
        assert set(held(night)) == {"p0", "p1", "p2", "p3", "ada", "bo", "cy"}

    def test_remembers_what_this_source_noted_this_night(self, night: Night) -> None:
        put(night, "removals", source="stream", subject=tombstone("p1"))
        put(night, "removals", source="other", subject=tombstone("p2"))
        assert list(noted(night, a_source(id="stream"))) == [tombstone("p1")]

    def test_decides_for_a_live_stream(self, night: Night) -> None:
        put(night, "received_posts", post="p1", author="ada")
        batches = [a_batch(a_removal("p1"), a_removal("p2"))]
        assert subjects(list(only_known(batches, night, live()))) == ["p1"]

    @pytest.mark.parametrize(
        "values", [{"kind": "files"}, {"format": "bluesky_search"}, {"options": {"takedowns": "all"}}]
    )
    def test_and_not_for_other_sources(self, night: Night, values: dict[str, object]) -> None:
        batches = [a_batch(a_removal("p1"), a_removal("p2"))]
        source = live().model_copy(update=values)
        assert subjects(list(only_known(batches, night, source))) == ["p1", "p2"]


class TestNeighbours:
    @pytest.mark.parametrize(
        ("service", "kind", "is_one"),
        [
            ("bluesky_search", "live", True),
            ("bluesky_events", "live", True),
            ("mastodon_public", "live", False),
            ("bluesky_search", "files", False),
        ],
    )
    def test_are_other_live_sources_of_the_platform(
        self, lake: Lake, settings_here: Settings, service: str, kind: str, is_one: bool
    ) -> None:
        other = live().model_copy(update={"id": "other", "service": service, "kind": kind})
        night = a_night(lake, settings_here, NIGHT, (live(), other))
        assert has_neighbours(night, live()) is is_one


def live() -> SourceConfig:
    """A configured stream."""
    return a_source(form="jetstream", path="", kind="live", service="bluesky_jetstream", id="stream")


def put(night: Night, table: str, **values: str) -> None:
    """One row with these values, and anything that fits in the other columns."""
    plain = {"night": night.night, "source": "a_source", **values}
    schema = TABLES[table].schema
    row = {name: plain.get(name, _anything(dtype)) for name, dtype in schema.items()}
    for column in TABLES[table].columns:
        if column.nullable and column.name not in plain:
            row[column.name] = None
    at = {name: plain[name] for name in TABLES[table].partition}
    night.lake.replace(table, pl.DataFrame([row], schema=schema), partition=at)


def _anything(dtype: pl.DataType) -> object:
    by_kind = {pl.String: "x", pl.Boolean: True, pl.Int64: 1, pl.Float64: 0.5, pl.Date: NIGHT}
    return by_kind.get(dtype.base_type(), AT)
