"""A night's ingest of a source, with a real lake: balanced, repeatable, and none the worse for being killed."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.city import SourceConfig
from barometer.errors import BadConfiguration, BadInput
from barometer.ingest import run
from barometer.ingest.run import ingest_source
from barometer.ingest.source import Context, Part, incoming_schema
from barometer.lake import Lake, tombstone
from barometer.ledger import Counts, require_balance
from barometer.night import Night
from barometer.settings import Settings
from tests.ingest.helpers import NIGHT, PlainDoor, a_night, a_post, a_source, pseudonym, table, write_lines
from tests.rows import rows

SECOND, THIRD = NIGHT + timedelta(days=1), NIGHT + timedelta(days=2)
TABLES_WRITTEN = ("received_posts", "quarantine", "removals", "cursors", "ledger")


class Town:
    """The square town with its inbox, for as many nights as a test wants."""

    def __init__(self, lake: Lake, settings: Settings) -> None:
        self.lake, self.settings = lake, settings
        self.inbox = settings.inbox / "testville"
        self.door = PlainDoor()

    def night(self, day: date = NIGHT) -> Night:
        return a_night(self.lake, self.settings, day)

    def ingest(self, day: date = NIGHT, source: SourceConfig | None = None) -> Counts:
        return ingest_source(self.night(day), source or a_source(), self.door)

    def put(self, *records: Any, name: str = "posts/a.jsonl") -> Path:
        return write_lines(self.inbox / name, *records)

    def add(self, *records: Any, name: str = "posts/a.jsonl") -> None:
        there = (self.inbox / name).read_bytes().splitlines()
        self.put(*there, *records, name=name)

    def rows(self, name: str = "received_posts") -> pl.DataFrame:
        return table(self.night(), name)

    def everything(self) -> dict[str, list[dict[str, Any]]]:
        return {name: self.rows(name).to_dicts() for name in TABLES_WRITTEN}

    def rules(self) -> dict[str, str]:
        return dict(self.rows("quarantine").select("position", "rule").iter_rows())


@pytest.fixture
def town(lake: Lake, settings_here: Settings) -> Town:
    return Town(lake, settings_here)


class TestOneNight:
    def test_every_record_ends_as_exactly_one_thing(self, town: Town) -> None:
        removal = {"remove": "post", "id": "5", "platform": "forum"}
        town.put(
            a_post("1"),
            a_post("1"),
            a_post("2", text="a"),
            a_post("2", text="b"),
            a_post("3", text=7),
            removal,
            a_post("5"),
        )
        counts = town.ingest()
        assert counts == Counts(read=7, received=7, written=2, duplicate=1, quarantined=2, removed=2)
        assert town.rows()["post"].sort().to_list() == sorted(pseudonym("post", f"forum:{i}") for i in (1, 2))
        require_balance(town.night())

    def test_rows_say_night_source_and_whether_they_are_synthetic(self, town: Town) -> None:
        town.put(a_post())
        town.ingest(source=a_source(id="made_up", is_synthetic=True))
        (row,) = town.rows().to_dicts()
        assert (row["night"], row["source"], row["synthetic"]) == (NIGHT, "made_up", True)

    def test_out_of_scope_is_counted_apart(self, town: Town) -> None:
        town.put({"limit": {"track": 1}}, {"limit": {"track": 2}}, name="posts/a.jsonl")
        assert town.ingest(source=a_source("twitter_v1")) == Counts(read=2, out_of_scope=2)

    def test_a_conflict_names_the_loser_and_says_what_to_do(self, town: Town) -> None:
        town.put(a_post("2", text="a"), a_post("2", text="b"))
        town.ingest()
        (held,) = town.rows("quarantine").to_dicts()
        assert (held["rule"], held["field"]) == ("conflicting_duplicate", "post")
        assert held["subject"] == pseudonym("post", "forum:2")
        assert held["author"] == pseudonym("author", "forum:ada")
        assert held["position"] in ("posts/a.jsonl:1", "posts/a.jsonl:2")
        assert "correct the id" in held["reason"]

    def test_rejected_records_are_masked(self, town: Town) -> None:
        town.put("not a record at all")
        town.ingest()
        assert town.rows("quarantine")["record"].to_list() == ["masked not a record at all"]

    def test_removals_are_kept_as_tombstones_only(self, town: Town) -> None:
        town.put({"remove": "author", "author": "ada", "platform": "forum", "at": "2026-05-03T08:00:00Z"})
        town.ingest()
        (stone,) = town.rows("removals").to_dicts()
        assert stone["subject"] == tombstone(pseudonym("author", "forum:ada"))
        assert stone["effective_at"] == datetime(2026, 5, 3, 8, tzinfo=UTC)

    def test_two_sources_of_a_night_do_not_disturb_each_other(self, town: Town) -> None:
        town.put(a_post("1"), name="posts/a.jsonl")
        town.put(a_post("2"), name="more/b.jsonl")
        town.ingest()
        town.ingest(source=a_source(id="another", path="more"))
        assert town.rows().height == 2
        town.ingest()
        assert town.rows().height == 2

    def test_a_night_without_files_is_accounted_for_too(self, town: Town) -> None:
        assert town.ingest() == Counts()
        assert town.rows("ledger").height == 1

    def test_nothing_personal_is_anywhere_below_the_lake(self, town: Town, tmp_path: Path) -> None:
        secrets = ("secret-id", "secret-author", "0.123456", "secret-reply")
        ids = {"author": "secret-author", "reply_to": "secret-reply", "text": "words"}
        record = a_post("secret-id", longitude=0.123456, latitude=0.5, **ids)
        town.put(record, {"remove": "author", "author": "secret-author-2", "platform": "forum"})
        town.ingest()
        content = b"".join(path.read_bytes() for path in (tmp_path / "lake").rglob("*") if path.is_file())
        assert not any(secret.encode() in content for secret in secrets)

    def test_an_unknown_format_is_refused_naming_those_there_are(self, town: Town) -> None:
        with pytest.raises(
            BadConfiguration, match=r"format 'xml' of posts is unknown; use one of .*fourcat, jetstream"
        ):
            town.ingest(source=a_source("xml"))

    def test_the_earliest_plausible_day_can_be_set(self, town: Town) -> None:
        town.put(a_post(created_at="1998-05-08T10:00:00Z"))
        assert town.ingest().quarantined == 1
        assert town.ingest(source=a_source(options={"earliest": "1995-01-01"})).written == 1
        with pytest.raises(BadConfiguration, match="earliest is not a date"):
            town.ingest(source=a_source(options={"earliest": "long ago"}))


class TestLaterNights:
    def test_take_only_what_is_new(self, town: Town) -> None:
        town.put(a_post("1"))
        town.ingest()
        town.add(a_post("2"))
        assert town.ingest(SECOND) == Counts(read=1, received=1, written=1)
        assert town.ingest(THIRD) == Counts()
        assert town.rows()["night"].to_list() == [NIGHT, SECOND]

    def test_know_what_came_before(self, town: Town) -> None:
        town.put(a_post("1"), a_post("2"))
        town.ingest()
        town.add(a_post("1"), a_post("2", text="other words"))
        assert town.ingest(SECOND) == Counts(read=2, received=2, duplicate=1, quarantined=1)

    def test_know_what_another_source_brought(self, town: Town) -> None:
        town.put(a_post("1"))
        town.ingest()
        town.put(a_post("1"), name="more/b.jsonl")
        assert town.ingest(SECOND, a_source(id="another", path="more")).duplicate == 1

    def test_a_newer_version_replaces_the_older(self, town: Town) -> None:
        town.put(a_post("1"))
        town.ingest()
        town.add(a_post("1", text="edited", edited_at="2026-05-09T10:00:00Z"))
        assert town.ingest(SECOND) == Counts(read=1, received=1, written=1)
        (stone,) = town.rows("removals").to_dicts()
        assert (stone["reason"], stone["night"]) == ("edited", SECOND)
        assert stone["effective_at"] == datetime(2026, 5, 9, 10, tzinfo=UTC) - timedelta(microseconds=1)

    def test_an_older_version_does_not_come_back_after_an_edit(self, town: Town) -> None:
        town.put(a_post("1"))
        town.ingest()
        town.add(a_post("1", text="edited", edited_at="2026-05-09T10:00:00Z"))
        town.ingest(SECOND)
        town.add(a_post("1"))
        assert town.ingest(THIRD).removed == 1

    def test_what_was_taken_back_never_returns(self, town: Town) -> None:
        town.put({"remove": "author", "author": "ada", "platform": "forum", "at": "2026-05-08T12:00:00Z"})
        town.ingest()
        town.add(a_post("1"), a_post("2", created_at="2026-05-08T13:00:00Z"), a_post("3", author="bo"))
        assert town.ingest(SECOND) == Counts(read=3, received=3, written=2, removed=1)

    def test_of_a_rejected_record_that_was_taken_back_only_the_fact_is_kept(self, town: Town) -> None:
        town.put({"remove": "author", "author": "ada", "platform": "forum"})
        town.ingest()
        town.add(a_post("1", text=7))
        town.ingest(SECOND)
        (held,) = town.rows("quarantine").to_dicts()
        assert (held["rule"], held["record"], held["subject"], held["author"]) == ("wrong_type", None, None, None)

    def test_a_compressed_file_is_taken_whole_again_and_only_the_new_is_written(self, town: Town) -> None:
        path = town.inbox / "posts/a.jsonl.gz"
        path.parent.mkdir(parents=True)
        lines = [json.dumps(a_post(str(i))).encode() + b"\n" for i in range(3)]
        path.write_bytes(gzip.compress(b"".join(lines[:2])))
        assert town.ingest().written == 2
        path.write_bytes(gzip.compress(b"".join(lines)))
        assert town.ingest(SECOND) == Counts(read=3, received=3, written=1, duplicate=2)

    def test_posts_whose_raw_rows_were_purged_are_still_known(self, town: Town) -> None:
        town.put(a_post("1"), a_post("2"))
        town.ingest()
        raw = town.rows()
        kept = {name: raw[name].to_list() for name in ("post", "author", "text", "created_at", "platform")}
        prepared = rows("posts", *({name: kept[name][i] for name in kept} for i in range(2)))
        town.lake.replace("posts", prepared, partition={"night": NIGHT})
        town.lake.maintain(received_before=SECOND)
        assert town.rows().is_empty()
        town.add(a_post("1"), a_post("2", text="edited", edited_at="2026-05-09T10:00:00Z"))
        assert town.ingest(SECOND) == Counts(read=2, received=2, written=1, duplicate=1)
        assert town.rows("removals")["reason"].to_list() == ["edited"]


class TestRunningAgain:
    def test_the_same_night_again_changes_nothing(self, town: Town) -> None:
        town.put(a_post("1"), a_post("2"), "junk", {"remove": "post", "id": "2", "platform": "forum"})
        town.ingest()
        town.add(a_post("1"), a_post("3"), '{"not whole')
        town.ingest(SECOND)
        town.add(a_post("4"))
        town.ingest(THIRD)
        before, versions = town.everything(), town.lake.versions()
        for day in (NIGHT, SECOND, THIRD, SECOND, NIGHT):
            town.ingest(day)
        assert town.everything() == before
        assert town.lake.versions() == versions

    def test_an_earlier_night_does_not_bring_back_what_a_later_night_took_back(self, town: Town) -> None:
        self.three_nights(town)
        assert town.ingest() == Counts(read=3, received=3, removed=2, quarantined=1)
        assert town.rows()["night"].to_list() == [SECOND, THIRD]

    def test_the_latest_night_takes_in_what_has_come_since(self, town: Town) -> None:
        town.put(a_post("1"))
        town.ingest()
        town.add(a_post("2"))
        assert town.ingest().written == 2

    def test_an_earlier_night_does_not_take_what_a_later_night_took(self, town: Town) -> None:
        self.three_nights(town)
        town.add(a_post("99"))
        assert town.ingest(SECOND).written == 1
        assert town.ingest(NIGHT - timedelta(days=3)) == Counts()

    def test_an_earlier_night_whose_file_changed_is_refused_and_loses_nothing(self, town: Town) -> None:
        self.three_nights(town)
        before = town.everything()
        town.put(a_post("1"))
        with pytest.raises(BadInput, match=r"posts/a\.jsonl: the night 2026-05-10"):
            town.ingest(SECOND)
        assert town.everything() == before

    def test_a_night_whose_file_is_gone_is_refused_and_loses_nothing(self, town: Town) -> None:
        path = town.put(a_post("1"))
        town.ingest()
        path.unlink()
        with pytest.raises(BadInput, match="put the file back"):
            town.ingest()
        assert town.rows().height == 1

    def three_nights(self, town: Town) -> None:
        town.put(a_post("1"), a_post("2"), "junk")
        town.ingest()
        town.add(a_post("1", text="edited", edited_at="2026-05-09T10:00:00Z"), a_post("2"))
        town.ingest(SECOND)
        town.add({"remove": "post", "id": "2", "platform": "forum"}, a_post("3"))
        town.ingest(THIRD)


class TestBadInput:
    def test_one_clear_line_each_and_the_night_goes_on(self, town: Town) -> None:
        good = a_post("good")
        not_a_number = json.dumps(a_post("nan", longitude=float("nan"), latitude=0.5))
        town.put(
            b'{"id": "\xff"}',
            a_post("old", created_at="1969-05-08T10:00:00Z"),
            a_post("new", created_at="2169-05-08T10:00:00Z"),
            not_a_number,
            a_post("twice", text="a"),
            a_post("twice", text="b"),
            {"id": "bare"},
            a_post("odd", reach=[1]),
            b"x" * 50_000_000,
            good,
        )
        town.put(name="posts/empty.jsonl")
        packed = zstandard.ZstdCompressor().compress(b"".join(b'{"limit": %d}\n' % i for i in range(50_000)))
        (town.inbox / "posts/z.jsonl.zst").write_bytes(packed[: len(packed) // 2])
        counts = town.ingest()
        assert counts.is_balanced
        assert counts.written == 2
        found = {position.rpartition(":")[2]: rule for position, rule in town.rules().items() if "/a.jsonl" in position}
        twice = found.pop("5", None) or found.pop("6", None)
        assert twice == "conflicting_duplicate"
        assert found == {
            "1": "invalid_utf8",
            "2": "implausible_date",
            "3": "implausible_date",
            "4": "not_finite",
            "7": "missing_field",
            "8": "wrong_type",
            "9": "line_too_long",
        }
        assert town.rules()["posts/empty.jsonl:0"] == "empty_file"
        truncated = town.rows("quarantine").filter(pl.col("rule") == "truncated_file")
        assert truncated.height == 1
        assert "deliver it whole" in truncated["reason"][0]

    def test_every_quarantined_line_says_file_and_row_and_fits_in_one_line(self, town: Town) -> None:
        town.put(b"\xff", "{}", "[", a_post(created_at="x"))
        town.ingest()
        held = town.rows("quarantine")
        assert held["position"].to_list() == [f"posts/a.jsonl:{i}" for i in range(1, 5)]
        assert not held["reason"].str.contains("\n").any()


class Death(BaseException):
    """A process killed: nothing catches it."""


class MortalLake(Lake):
    """A lake whose user dies at a given write, before or after it."""

    def arm(self, write: int, *, after: bool) -> None:
        object.__setattr__(self, "_left", write)
        object.__setattr__(self, "_after", after)

    def replace(self, table: str, frame: pl.DataFrame, *, partition: Any) -> int:
        left = getattr(self, "_left", -1)
        object.__setattr__(self, "_left", left - 1)
        if left == 0 and not self._after:  # type: ignore[attr-defined]
            raise Death
        changed = super().replace(table, frame, partition=partition)
        if left == 0:
            raise Death
        return changed


@pytest.mark.fault
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("write", range(5))
def test_killed_at_any_write_and_started_again_the_tables_are_those_of_an_undisturbed_run(
    tmp_path: Path, settings_here: Settings, write: int, after: bool
) -> None:
    whole = Town(Lake(str(tmp_path / "whole"), "testville"), settings_here)
    killed = Town(MortalLake(str(tmp_path / "killed"), "testville"), settings_here)
    whole.put(a_post("1"), a_post("2"), "junk")
    whole.ingest()
    killed.ingest()
    whole.add(
        a_post("1", text="edited", edited_at="2026-05-09T10:00:00Z"),
        {"remove": "post", "id": "2", "platform": "forum"},
        a_post("3"),
        "junk",
    )
    whole.ingest(SECOND)
    assert isinstance(killed.lake, MortalLake)
    killed.lake.arm(write, after=after)
    with pytest.raises(Death):
        killed.ingest(SECOND)
    killed.ingest(SECOND)
    assert killed.everything() == whole.everything()


RECORDS = st.one_of(
    st.builds(
        a_post,
        id=st.sampled_from("123"),
        text=st.sampled_from("ab"),
        author=st.sampled_from(["ada", "bo"]),
        edited_at=st.sampled_from([None, "2026-05-08T11:00:00Z", "2026-05-08T12:00:00Z"]),
    ),
    st.builds(
        lambda kind, name, hour: {
            "remove": kind,
            "id": name,
            "author": name,
            "platform": "forum",
            "at": f"2026-05-08T{hour}:30:00Z",
        },
        st.sampled_from(["post", "author"]),
        st.sampled_from(["1", "2", "ada"]),
        st.sampled_from(["09", "10", "11"]),
    ),
    st.binary(max_size=12).filter(lambda b: b"\n" not in b and b.strip() != b""),
)


@settings(max_examples=12)
@given(records=st.lists(RECORDS, max_size=12), data=st.data())
def test_whatever_comes_in_whatever_order_the_ledger_balances_and_again_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, records: list[Any], data: st.DataObject
) -> None:
    one, other = (
        Town(Lake(str(folder / "lake"), "testville"), Settings(home=folder)) for folder in two_folders(tmp_path_factory)
    )
    counts = ingest_all(one, records)
    assert counts.is_balanced
    assert counts.read == sum(1 for record in records if not isinstance(record, bytes) or has_content(record))
    before = one.everything()
    one.ingest()
    assert one.everything() == before
    shuffled = ingest_all(other, data.draw(st.permutations(records)))
    assert shuffled == counts
    assert other.rows().drop("reach").equals(one.rows().drop("reach"))


def has_content(record: bytes) -> bool:
    """Not blank; and not an empty array, which holds no record."""
    stripped = record.strip()
    return bool(stripped) and not (stripped.startswith(b"[") and stripped.endswith(b"]") and not stripped[1:-1].strip())


def two_folders(factory: pytest.TempPathFactory) -> Iterable[Path]:
    return factory.mktemp("one"), factory.mktemp("other")


def ingest_all(town: Town, records: list[Any]) -> Counts:
    if not records:
        return town.ingest()
    town.put(*records)
    return town.ingest()


class Questionnaires:
    """A parser of lines `response,respondent,answer` into respondents and their answers."""

    def parse_document(self, stream: BinaryIO, context: Context) -> Iterable[Part]:
        told = [line.decode().split(",") for line in stream.read().splitlines()]
        places = [context.position(i) for i in range(1, len(told) + 1)]
        ids = {"response": [t[0] for t in told], "respondent": [t[1] for t in told], "position": places}
        respondents = pl.DataFrame(ids).with_columns(
            wave=pl.lit("w1"),
            answered_at=pl.lit(datetime(2026, 5, 1, tzinfo=UTC)),
            area=pl.lit(None, pl.String),
            weight=pl.lit(1.0),
        )
        answers = pl.DataFrame({**ids, "value": [float(t[2]) for t in told]}).with_columns(item=pl.lit("trust"))
        yield Part(
            read=len(told),
            rows={"respondents": shaped(respondents, "respondents"), "answers": shaped(answers, "answers")},
        )


def shaped(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    schema = incoming_schema(name)
    absent = [pl.lit(None, dtype).alias(column) for column, dtype in schema.items() if column not in frame.columns]
    return frame.with_columns(absent).select(pl.col(column).cast(dtype) for column, dtype in schema.items())


class TestTwoTables:
    source = a_source("csv", "answers", "answers", options={"codebook": "any.yaml"})

    @pytest.fixture(autouse=True)
    def questionnaires(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(run.PARSERS, ("answers", "csv"), Questionnaires())

    def deliver(self, town: Town, *lines: str, day: date = NIGHT) -> Counts:
        town.put(*lines, name="answers/a.csv")
        return town.ingest(day, self.source)

    def test_answers_go_with_their_respondent(self, town: Town) -> None:
        assert self.deliver(town, "r1,p1,4", "r2,p2,5", "r1,p1,4") == Counts(read=3, received=3, written=2, duplicate=1)
        assert town.rows("answers").select("response", "value").rows() == [("r1", 4.0), ("r2", 5.0)]
        assert town.rows("respondents").height == 2

    def test_the_same_respondent_with_other_answers_is_a_conflict_and_none_are_mixed(self, town: Town) -> None:
        self.deliver(town, "r1,p1,4")
        assert self.deliver(town, "r1,p1,7", "r2,p2,5", day=SECOND) == Counts(
            read=2, received=2, written=1, quarantined=1
        )
        assert town.rows("answers").select("response", "value").rows() == [("r1", 4.0), ("r2", 5.0)]
        assert town.rows("quarantine")["author"].to_list() == ["p1"]

    def test_delivered_again_with_more_rows_only_the_new_are_written(self, town: Town) -> None:
        self.deliver(town, "r1,p1,4", "r2,p2,5")
        assert self.deliver(town, "r2,p2,5", "r1,p1,4", "r3,p3,6", day=SECOND) == Counts(
            read=3, received=3, written=1, duplicate=2
        )
