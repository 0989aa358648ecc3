"""Written, duplicate, conflict or removed: what becomes of rows, whatever their order."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.settle import (
    CONFLICT,
    CONTENT,
    DUPLICATE,
    IDENTITIES,
    OUTCOME,
    REMOVED,
    WRITTEN,
    as_tombstones,
    settle,
    taken_back,
    with_content,
)
from barometer.ingest.source import POSITION, Removal
from barometer.lake import tombstone
from barometer.tables import TABLES
from tests.rows import a_row

POSTS = IDENTITIES["posts"]
START = datetime(2026, 5, 1, tzinfo=UTC)
LAST = timedelta(microseconds=1)


def at(hour: float) -> datetime:
    return START + timedelta(hours=hour)


def version(post: str, text: str, hour: float, **values: Any) -> dict[str, Any]:
    return {"post": post, "text": text, "created_at": START, "version_at": at(hour), "author": "ada", **values}


def frame(table: str, versions: list[dict[str, Any]], *, with_positions: bool = True) -> pl.DataFrame:
    rows = pl.DataFrame([a_row(table, **values) for values in versions], schema=TABLES[table].schema)
    return (
        rows.with_columns(pl.Series(POSITION, [f"f:{i}" for i in range(len(versions))], pl.String))
        if with_positions
        else rows
    )


def judge(
    incoming: list[dict[str, Any]],
    existing: list[dict[str, Any]] | None = None,
    removals: list[Removal] | None = None,
) -> tuple[list[str], list[Removal]]:
    """Outcome of each incoming version of posts, and the removals of what they replace."""
    new = with_content(frame("received_posts", incoming), None, POSTS, tie=POSITION)
    known = with_content(frame("received_posts", existing or [], with_positions=False), None, POSTS, tie="post")
    settled, edits = settle(new, known, as_tombstones(removals or []), POSTS)
    assert settled[POSITION].to_list() == new[POSITION].to_list()
    return settled[OUTCOME].to_list(), edits


def deletion(post: str, hour: float, *, kind: Any = "post", reason: Any = "deleted") -> Removal:
    return Removal(kind, post, at(hour), reason, "f:removal")


class TestWithinOneNight:
    def test_a_new_record_is_written(self) -> None:
        assert judge([version("p", "a", 1)]) == ([WRITTEN], [])

    def test_the_same_again_is_a_duplicate(self) -> None:
        outcomes, _ = judge([version("p", "a", 1), version("p", "a", 1), version("q", "a", 1)])
        assert sorted(outcomes[:2]) == [DUPLICATE, WRITTEN]
        assert outcomes[2] == WRITTEN

    def test_counts_of_likes_and_where_the_author_lives_do_not_make_it_another_record(self) -> None:
        outcomes, _ = judge([version("p", "a", 1, reach=3), version("p", "a", 1, reach=5, profile_place="elsewhere")])
        assert outcomes == [DUPLICATE, WRITTEN]

    def test_of_two_versions_the_newer_is_kept_and_the_older_was_edited_away(self) -> None:
        assert judge([version("p", "a", 1), version("p", "b", 2)]) == ([REMOVED, WRITTEN], [])

    def test_a_version_that_was_changed_and_changed_back_is_the_newest(self) -> None:
        outcomes, _ = judge([version("p", "a", 1), version("p", "b", 2), version("p", "a", 3)])
        assert outcomes == [DUPLICATE, REMOVED, WRITTEN]

    def test_other_content_without_a_newer_version_is_a_conflict_and_one_is_kept(self) -> None:
        outcomes, _ = judge([version("p", "a", 1), version("p", "b", 1), version("p", "c", 1)])
        assert sorted(outcomes) == [CONFLICT, CONFLICT, WRITTEN]

    def test_which_of_a_conflict_is_kept_does_not_depend_on_the_order(self) -> None:
        one, other = version("p", "a", 1), version("p", "b", 1)
        first, _ = judge([one, other])
        second, _ = judge([other, one])
        assert first == second[::-1]

    def test_nothing_comes_of_nothing(self) -> None:
        assert judge([]) == ([], [])


class TestAgainstEarlierNights:
    def test_what_is_known_is_a_duplicate(self) -> None:
        assert judge([version("p", "a", 1)], [version("p", "a", 1)]) == ([DUPLICATE], [])

    def test_the_same_content_seen_later_is_a_duplicate_too(self) -> None:
        assert judge([version("p", "a", 5)], [version("p", "a", 1)]) == ([DUPLICATE], [])

    def test_a_newer_version_is_written_and_takes_back_the_older_up_to_just_before_itself(self) -> None:
        outcomes, edits = judge([version("p", "b", 2)], [version("p", "a", 1)])
        assert outcomes == [WRITTEN]
        assert edits == [Removal("post", "p", at(2) - LAST, "edited", "f:0")]

    def test_an_older_version_that_comes_late_is_removed(self) -> None:
        assert judge([version("p", "a", 1)], [version("p", "b", 2)]) == ([REMOVED], [])

    def test_other_content_of_the_same_time_is_a_conflict(self) -> None:
        assert judge([version("p", "b", 1)], [version("p", "a", 1)]) == ([CONFLICT], [])

    def test_changed_and_changed_back_leaves_what_is_known(self) -> None:
        outcomes, edits = judge([version("p", "b", 2), version("p", "a", 3)], [version("p", "a", 1)])
        assert (outcomes, edits) == ([REMOVED, DUPLICATE], [])

    def test_of_several_newer_versions_only_the_newest_is_written(self) -> None:
        outcomes, edits = judge([version("p", "b", 2), version("p", "c", 3)], [version("p", "a", 1)])
        assert outcomes == [REMOVED, WRITTEN]
        assert [edit.effective_at for edit in edits] == [at(3) - LAST]

    def test_records_with_other_keys_are_none_of_its_business(self) -> None:
        assert judge([version("p", "a", 1)], [version("q", "a", 1)]) == ([WRITTEN], [])


class TestTakenBack:
    def test_what_is_no_newer_than_its_removal_is_removed(self) -> None:
        outcomes, _ = judge([version("p", "a", 1), version("q", "a", 1)], removals=[deletion("p", 1)])
        assert outcomes == [REMOVED, WRITTEN]

    def test_what_is_newer_stays(self) -> None:
        outcomes, _ = judge([version("p", "a", 2)], removals=[deletion("p", 2 - 1e-9)])
        assert outcomes == [WRITTEN]

    def test_an_author_takes_back_all_up_to_a_time(self) -> None:
        removal = deletion("ada", 2, kind="author", reason="account_deleted")
        versions = [version("p", "a", 1), version("q", "b", 2), version("r", "c", 3), version("s", "d", 1, author="bo")]
        assert judge(versions, removals=[removal])[0] == [REMOVED, REMOVED, WRITTEN, WRITTEN]

    def test_a_kind_names_only_its_own_column(self) -> None:
        assert judge([version("ada", "a", 1)], removals=[deletion("ada", 5, kind="respondent")])[0] == [WRITTEN]

    def test_a_record_made_anew_after_its_deletion_is_new_and_replaces_nothing(self) -> None:
        assert judge([version("p", "a", 5)], [version("p", "a", 1)], [deletion("p", 2)]) == ([WRITTEN], [])

    def test_of_two_removals_the_later_holds(self) -> None:
        assert judge([version("p", "a", 3)], removals=[deletion("p", 4), deletion("p", 2)])[0] == [REMOVED]

    def test_what_repeats_a_deleted_post_goes_with_it(self) -> None:
        repeats = version("r", "a", 1, repost_of="p")
        assert judge([repeats], removals=[deletion("p", 2)])[0] == [REMOVED]
        assert judge([repeats], removals=[deletion("p", 2, reason="edited")])[0] == [WRITTEN]

    def test_days_are_compared_as_times(self) -> None:
        counts = IDENTITIES["counts"]
        rows = frame(
            "counts", [{"record": "c", "counted_on": date(2026, 5, 1)}, {"record": "c", "counted_on": date(2026, 5, 3)}]
        )
        removal = Removal("record", "c", datetime(2026, 5, 2, tzinfo=UTC), "operator", "f:1")
        assert taken_back(rows, as_tombstones([removal]), counts).to_list() == [True, False]

    def test_only_tombstones_are_kept(self) -> None:
        stones = as_tombstones([deletion("p", 1), deletion("p", 3), deletion("q", 2)])
        assert stones["subject"].to_list() == sorted([tombstone("p"), tombstone("q")])
        assert dict(stones.select("subject", "effective_at").iter_rows())[tombstone("p")] == at(3)
        assert "p" not in stones["subject"].to_list()


class TestOtherSignals:
    def test_a_respondent_is_another_when_an_answer_is(self) -> None:
        answers = IDENTITIES["answers"]
        rows = frame("respondents", [{"response": "r"}, {"response": "r"}, {"response": "r"}])
        second = frame("answers", [{"response": "r", "item": "a", "value": float(v)} for v in (1, 2, 1)])
        told = with_content(rows, second, answers, tie=POSITION)
        first, other, same = told[CONTENT]
        assert first == same != other

    def test_the_order_of_answers_does_not_matter(self) -> None:
        answers = IDENTITIES["answers"]
        rows = frame("respondents", [{"response": "r"}], with_positions=False)
        second = frame("answers", [{"item": "a"}, {"item": "b"}], with_positions=False).with_columns(
            response=pl.lit("r")
        )
        there = with_content(rows, second, answers, tie="response")[CONTENT]
        assert with_content(rows, second.reverse(), answers, tie="response")[CONTENT].equals(there)

    def test_a_respondent_without_answers_has_content_too(self) -> None:
        answers = IDENTITIES["answers"]
        rows = frame("respondents", [{"response": "r"}])
        assert with_content(rows, frame("answers", []), answers, tie=POSITION)[CONTENT].null_count() == 0

    @pytest.mark.parametrize("signal", ["observations", "counts"])
    def test_without_versions_other_content_is_always_a_conflict(self, signal: str) -> None:
        identity = IDENTITIES[signal]
        values = ({"persons": 1}, {"persons": 2}) if signal == "observations" else ({"count": 1.0}, {"count": 2.0})
        rows = with_content(frame(identity.table, list(values)), None, identity, tie=POSITION)
        settled, edits = settle(rows, rows.clear().drop(POSITION), as_tombstones([]), identity)
        assert sorted(settled[OUTCOME]) == [CONFLICT, WRITTEN]
        assert edits == []

    @pytest.mark.parametrize("signal", sorted(IDENTITIES))
    def test_every_identity_names_columns_of_its_table(self, signal: str) -> None:
        identity = IDENTITIES[signal]
        named = {identity.key, identity.time, *identity.subjects.values(), *identity.content_columns, *identity.prefer}
        assert named | ({identity.version} - {None}) <= set(TABLES[identity.table].schema)
        assert (identity.key,) == TABLES[identity.table].key
        assert identity.key in identity.subjects.values()


VERSIONS = st.builds(
    version,
    post=st.sampled_from(["p", "q"]),
    text=st.sampled_from(["a", "b", "c"]),
    hour=st.integers(0, 4),
    reach=st.sampled_from([None, 1, 2]),
)
REMOVALS = st.builds(deletion, post=st.sampled_from(["p", "q"]), hour=st.integers(0, 4))


@given(incoming=st.lists(VERSIONS, max_size=8), removals=st.lists(REMOVALS, max_size=2), data=st.data())
def test_every_row_has_one_outcome_and_the_order_of_rows_decides_nothing(
    incoming: list[dict[str, Any]], removals: list[Removal], data: st.DataObject
) -> None:
    outcomes, edits = judge(incoming, removals=removals)
    order = data.draw(st.permutations(range(len(incoming))))
    shuffled, _ = judge([incoming[i] for i in order], removals=removals)
    assert {*outcomes} <= {WRITTEN, DUPLICATE, CONFLICT, REMOVED}
    assert sorted(outcomes) == sorted(shuffled)
    assert written(incoming, outcomes) == written([incoming[i] for i in order], shuffled)
    assert edits == []


@given(incoming=st.lists(VERSIONS, max_size=8), known=VERSIONS)
def test_at_most_one_version_of_a_record_is_live_at_the_end(
    incoming: list[dict[str, Any]], known: dict[str, Any]
) -> None:
    outcomes, edits = judge(incoming, [known])
    kept = written(incoming, outcomes)
    replaced = {edit.subject for edit in edits}
    assert len({post for post, _, _ in kept}) == len(kept)
    assert replaced == {post for post, _, _ in kept} & {known["post"]}
    assert all(edit.effective_at >= known["version_at"] for edit in edits)


def written(versions: list[dict[str, Any]], outcomes: list[str]) -> list[tuple[str, str, int]]:
    kept = [v for v, outcome in zip(versions, outcomes, strict=True) if outcome == WRITTEN]
    return sorted((v["post"], v["text"], v["reach"] or 0) for v in kept)


def test_the_digest_of_content_is_the_same_in_another_process() -> None:
    rows = frame("received_posts", [version("p", "a", 1), version("q", "b", 2)])
    here = with_content(rows, None, POSTS, tie=POSITION)[CONTENT].to_list()
    code = (
        "from tests.ingest.test_settle import *;"
        "rows = frame('received_posts', [version('p', 'a', 1), version('q', 'b', 2)]);"
        "print(with_content(rows, None, POSTS, tie=POSITION)[CONTENT].to_list())"
    )
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert there.strip() == str(here)
