"""What was taken back is in no file; raw text goes after its time; a certificate says so and follows from the last."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.errors import BarometerError
from barometer.ingest.proof import RemovalIncomplete, require_clean, search_lake
from barometer.ingest.removals import apply_everything, apply_removals
from barometer.ingest.retention import certificates, require_unbroken, retain
from barometer.lake import EXPIRED_TEXT, Lake, tombstone
from barometer.settings import Settings
from tests.ingest.helpers import NIGHT, a_post, pseudonym, table
from tests.ingest.test_removals import SECOND, Town, remove
from tests.rows import rows

LATER = NIGHT + timedelta(days=31)
SENTENCE = "the unforgettable sentence"


class DailyTown(Town):
    """The square town with a retention of 30 days."""

    def night(self, day: date = NIGHT) -> Any:
        made = super().night(day)
        object.__setattr__(made.city, "thresholds", SimpleNamespace(raw_retention_days=30))
        return made

    def retain(self, day: date) -> dict[str, Any]:
        return dict(json.loads(retain(self.night(day)).read_text()))


@pytest.fixture
def town(lake: Lake, settings_here: Settings) -> DailyTown:
    return DailyTown(lake, settings_here)


def sneak_in(town: Town, post: str, day: date = SECOND) -> None:
    """A removed post comes back by a way that no night looks at."""
    name = pseudonym("post", f"forum:{post}")
    town.lake.replace("posts", rows("posts", {"night": day, "post": name, "text": SENTENCE}), partition={"night": day})


class TestSearch:
    def test_a_lake_in_which_nothing_was_taken_back_is_clean(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        found = search_lake(town.lake)
        assert (found.subjects, found.found_in) == (0, ())
        assert found.files > 5
        assert found.pseudonyms >= 3

    def test_every_byte_is_looked_at(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"))
        assert search_lake(town.lake).bytes == len(town.bytes_in_lake())

    def test_what_was_removed_is_found_nowhere(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        town.run(SECOND, remove("post", "1"))
        found = search_lake(town.lake)
        assert (found.subjects, found.found_in) == (1, ())

    @pytest.mark.parametrize("name", ["forgotten.parquet", "_delta_log/0.json", "stray.txt"])
    def test_a_stray_file_with_a_removed_pseudonym_is_named(self, town: DailyTown, name: str) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        town.run(SECOND, remove("post", "1"))
        stray = Path(town.lake.location("posts")) / name
        held = {"post": [pseudonym("post", "forum:1")], "text": ["x" * 400]}
        if name.endswith(".parquet"):
            pl.DataFrame(held).write_parquet(stray, compression="zstd")
        else:
            stray.write_text(json.dumps(held))
        found = search_lake(town.lake)
        assert found.found_in == (f"posts/{name}",)
        with pytest.raises(RemovalIncomplete, match=r"1 files of the lake still hold .*posts/.*publish nothing"):
            require_clean(found)

    def test_a_pseudonym_inside_a_longer_text_is_found_too(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"))
        town.run(SECOND, remove("post", "1"))
        stray = Path(town.lake.location("posts")) / "s.parquet"
        pl.DataFrame({"note": [f"see {pseudonym('post', 'forum:1')}, please"]}).write_parquet(stray)
        assert search_lake(town.lake).found_in == ("posts/s.parquet",)

    def test_an_author_who_wrote_again_later_is_no_finding(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"))
        town.run(SECOND, remove("author", "ada"), a_post("2", created_at="2026-05-10T10:00:00Z"))
        assert town.posts() == {"2"}
        assert search_lake(town.lake).found_in == ()

    def test_an_edited_post_is_no_finding(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1", text=SENTENCE))
        town.run(SECOND, a_post("1", text="mended", edited_at="2026-05-10T08:00:00Z"))
        assert town.posts() == {"1"}
        assert search_lake(town.lake).found_in == ()
        assert SENTENCE.encode() not in town.bytes_in_lake()


class TestEverything:
    def test_what_came_back_by_another_way_goes(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1", text=SENTENCE), a_post("2"))
        town.run(SECOND, remove("post", "1"))
        sneak_in(town, "1")
        assert search_lake(town.lake).found_in
        assert apply_everything(town.night(SECOND)) == {"posts": 1}
        assert search_lake(town.lake).found_in == ()

    def test_where_all_is_done_nothing_is_done(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        town.run(SECOND, remove("post", "1"))
        before = town.lake.versions()
        assert apply_everything(town.night(SECOND)) == {}
        assert town.lake.versions() == before


class TestRetain:
    def test_raw_text_is_gone_after_its_time_and_what_was_made_of_it_stays(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1", text=SENTENCE), a_post("2"))
        assert SENTENCE.encode() in uncompressed(town)
        stated = town.retain(LATER)
        assert stated["expired"] == {"raw_posts_purged": 2, "texts_blanked": 2, "records_blanked": 0}
        assert town.posts("posts") == town.posts("labels") == {"1", "2"}
        assert town.rows("posts")["text"].to_list() == [EXPIRED_TEXT] * 2
        assert SENTENCE.encode() not in uncompressed(town)

    @pytest.mark.parametrize(("days", "purged"), [(29, 0), (30, 0), (31, 1)])
    def test_text_is_kept_for_as_many_days_as_the_city_says(self, town: DailyTown, days: int, purged: int) -> None:
        town.run(NIGHT, a_post("1"))
        assert town.retain(NIGHT + timedelta(days=days))["expired"]["raw_posts_purged"] == purged

    def test_a_quarantined_record_is_blank_after_its_time(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1", author=""), a_post("2"))
        assert table(town.night(), "quarantine")["record"].null_count() == 0
        town.retain(LATER)
        left = table(town.night(), "quarantine")
        assert left["record"].null_count() == left.height == 1
        assert left["reason"][0]

    def test_a_post_that_comes_again_after_its_text_expired_is_a_duplicate(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"))
        town.retain(LATER)
        town.run(LATER, a_post("1"))
        assert table(town.night(), "quarantine").is_empty()
        ledger = town.rows("ledger").filter(pl.col("night") == LATER, pl.col("part") == "forum")
        assert ledger.select("received", "written", "duplicate").row(0) == (1, 0, 1)

    def test_a_removal_after_expiry_still_reaches_what_was_made_of_the_post(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        town.retain(LATER)
        town.run(LATER, remove("post", "1"))
        assert town.posts("posts") == town.posts("labels") == {"2"}
        assert town.retain(LATER + timedelta(days=1))["is_clean"]

    def test_doing_it_again_changes_nothing(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        town.run(SECOND, remove("post", "1"))
        town.retain(LATER)
        before = {name: town.rows(name) for name in ("posts", "labels", "removals", "received_posts")}
        again = town.retain(LATER)
        assert again["expired"] == {"raw_posts_purged": 0, "texts_blanked": 0, "records_blanked": 0}
        assert all(town.rows(name).equals(frame) for name, frame in before.items())


class TestCertificate:
    def test_it_says_what_was_taken_back_and_what_was_searched(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        town.run(SECOND, remove("post", "1"), remove("author", "bo"))
        stated = town.retain(SECOND)
        assert stated["removals_since_last"] == stated["removals_ever"] == {"account_deleted": 1, "deleted": 1}
        assert stated["is_clean"] is True
        assert stated["search"]["subjects"] == 2
        assert stated["search"]["files"] > 5
        words = certificates(town.settings.runs, "testville")[0].with_suffix(".md").read_text()
        assert "Nothing that was taken back was found in any file." in words
        assert "account deleted 1, deleted 1" in words

    def test_it_holds_no_pseudonym_and_no_id(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"))
        town.run(SECOND, remove("post", "1"))
        text = retain(town.night(SECOND)).read_text()
        assert pseudonym("post", "forum:1") not in text
        assert tombstone(pseudonym("post", "forum:1")) not in text
        assert "ada" not in text

    def test_one_follows_from_another_and_a_changed_one_is_noticed(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        for day in (SECOND, SECOND + timedelta(days=1), SECOND + timedelta(days=2)):
            town.retain(day)
        files = certificates(town.settings.runs, "testville")
        require_unbroken(files)
        files[1].write_text(files[1].read_text().replace('"files_destroyed": 0', '"files_destroyed": 9'))
        with pytest.raises(BarometerError, match=r"does not follow from 2026-05-11.json"):
            require_unbroken(files)

    def test_only_removals_since_the_last_one_count_as_new(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"), a_post("2"))
        town.run(SECOND, remove("post", "1"))
        town.retain(SECOND)
        third = SECOND + timedelta(days=1)
        town.run(third, remove("post", "2"))
        stated = town.retain(third)
        assert stated["removals_since_last"] == {"deleted": 1}
        assert stated["removals_ever"] == {"deleted": 2}

    def test_a_finding_is_written_down_and_stops(self, town: DailyTown) -> None:
        town.run(NIGHT, a_post("1"))
        town.run(SECOND, remove("post", "1"))
        stray = Path(town.lake.location("")) / "kept_by_hand.txt"
        stray.write_text(pseudonym("post", "forum:1"))
        with pytest.raises(RemovalIncomplete, match=r"kept_by_hand\.txt"):
            retain(town.night(SECOND))
        (path,) = certificates(town.settings.runs, "testville")
        assert json.loads(path.read_text())["is_clean"] is False
        assert "Found in 1 files" in path.with_suffix(".md").read_text()


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["post", "edit", "delete", "author"]),
        st.integers(1, 3),
        st.sampled_from(["ada", "bo"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=8)
@given(actions=ACTIONS, data=st.data())
def test_however_posts_edits_and_removals_are_spread_over_nights_nothing_taken_back_is_left(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int, str, bool]], data: st.DataObject
) -> None:
    home = tmp_path_factory.mktemp("town")
    town = DailyTown(Lake(root=str(home / "lake"), city="testville"), Settings(home=home / "home"))
    records = [_record(place, *action[:3]) for place, action in enumerate(actions)]
    cut = data.draw(st.integers(0, len(records)))
    days = ((NIGHT, records[:cut]), (SECOND, records[cut:]))
    for day, some in days:
        town.run(day, *some)
        if data.draw(st.booleans()):
            town.run(day, *some)
            apply_removals(town.night(day))
    found = search_lake(town.lake)
    assert found.found_in == ()
    assert town.retain(SECOND)["is_clean"]


def _record(place: int, action: str, number: int, author: str) -> dict[str, Any]:
    """Everything happens a minute after the thing before it."""
    at = f"2026-05-09T10:{place:02}:00Z"
    name = f"{number}{author}"
    if action in ("post", "edit"):
        changed = {"edited_at": at, "text": f"words {place}"} if action == "edit" else {}
        return a_post(name, author=author, created_at="2026-05-09T09:00:00Z", **changed)
    if action == "delete":
        return {"remove": "post", "id": name, "author": author, "platform": "forum", "at": at}
    return {"remove": "author", "id": author, "author": author, "platform": "forum", "at": at}


def uncompressed(town: Town) -> bytes:
    """Every text in every file of the lake, those that nothing refers to included."""
    files = Path(town.lake.root).rglob("*.parquet")
    return b"".join(pl.read_parquet(path).write_json().encode() for path in files)
