"""A simulated city as a whole: the same files every time, nothing lost on their way in, and everything marked."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from barometer.city import City
from barometer.errors import BadConfiguration, BadInput
from barometer.ingest.run import ingest_source
from barometer.lake import open_lake
from barometer.ledger import Counts
from barometer.night import Night
from barometer.settings import Settings
from barometer.simulate.run import simulate, simulate_plan
from barometer.tables import TABLES
from tests.ingest.tables.desk import OpenDoor
from tests.simulate.conftest import SMALL

HISTORY = SMALL.last_day - timedelta(days=1)


def contents(settings: Settings) -> dict[str, bytes]:
    folder = settings.inbox / "sample"
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def small(city: City, home: Path, *through: date) -> Settings:
    settings = Settings(home=home)
    for day in through:
        simulate_plan(city, settings, SMALL, through=day)
    return settings


class TestFiles:
    def test_the_same_arguments_give_the_same_bytes(self, sample_city: City, tmp_path: Path) -> None:
        days = (HISTORY, SMALL.last_day)
        one, other = (contents(small(sample_city, tmp_path / name, *days)) for name in ("one", "other"))
        assert one == other

    def test_another_seed_gives_others(self, sample_city: City, tmp_path: Path) -> None:
        settings = Settings(home=tmp_path / "other")
        simulate_plan(sample_city, settings, replace(SMALL, seed=8), through=SMALL.last_day)
        other, one = contents(settings), contents(small(sample_city, tmp_path / "one", SMALL.last_day))
        assert set(other) == set(one)
        assert all(other[name] != one[name] for name in one)

    def test_a_later_night_leaves_the_earlier_files_alone(self, sample_city: City, tmp_path: Path) -> None:
        before = contents(small(sample_city, tmp_path, HISTORY))
        after = contents(small(sample_city, tmp_path, SMALL.last_day))
        assert {name: after[name] for name in before} == before
        assert all(f"{SMALL.last_day}_to_{SMALL.last_day}" in name for name in set(after) - set(before))

    def test_asking_again_writes_nothing(self, sample_city: City, tmp_path: Path) -> None:
        settings = small(sample_city, tmp_path, HISTORY)
        again = simulate_plan(sample_city, settings, SMALL, through=HISTORY)
        assert (again.days, again.files) == (None, ())

    def test_every_configured_source_gets_its_files_and_no_others(self, sample_city: City, tmp_path: Path) -> None:
        folder = small(sample_city, tmp_path, HISTORY, SMALL.last_day).inbox / "sample"
        found = {source.id: set(folder.glob(source.path)) for source in sample_city.sources}
        assert all(found.values())
        assert set().union(*found.values()) == {path for path in folder.rglob("*") if path.is_file()}

    def test_an_inbox_of_another_plan_is_refused(self, sample_city: City, tmp_path: Path) -> None:
        settings = small(sample_city, tmp_path, SMALL.last_day)
        (settings.inbox / "sample" / "posts" / f"{SMALL.first_day}_to_{SMALL.last_day}.jsonl.zst").unlink()
        with pytest.raises(BadInput, match="another plan"):
            simulate_plan(sample_city, settings, replace(SMALL, seed=8), through=SMALL.last_day)

    def test_a_real_city_is_refused_before_anything_is_written(self, sample_city: City, tmp_path: Path) -> None:
        settings = Settings(home=tmp_path)
        with pytest.raises(BadConfiguration, match="is real"):
            simulate(replace(sample_city, is_synthetic=False), settings, seed=1)
        assert not any(tmp_path.iterdir())

    def test_the_plan_may_be_given_in_parts(self, sample_city: City, tmp_path: Path) -> None:
        told = simulate(sample_city, Settings(home=tmp_path), seed=1, posts=200, respondents=100, days=6)
        assert told.days == "2025-11-10_to_2025-11-15"
        assert {path.parent.name for path in told.files} >= {"posts", "answers", "reports", "observations", "counts"}


class TestTruth:
    def test_it_grows_with_the_nights_and_keeps_what_it_said(self, sample_city: City, tmp_path: Path) -> None:
        settings = small(sample_city, tmp_path, HISTORY)
        lake = open_lake(settings, "sample")
        before = lake.read("truth").sort(TABLES["truth"].key).collect()
        small(sample_city, tmp_path, SMALL.last_day)
        after = lake.read("truth").sort(TABLES["truth"].key).collect()
        assert after.filter(pl.col("day") <= HISTORY).equals(before)
        assert after["day"].max() == SMALL.last_day
        assert after["synthetic"].all()


@pytest.fixture(scope="module")
def nights(sample_city: City, tmp_path_factory: pytest.TempPathFactory) -> tuple[Night, dict[date, dict[str, Counts]]]:
    """Both nights taken in, and the counts of each source."""
    home = tmp_path_factory.mktemp("nights")
    counts: dict[date, dict[str, Counts]] = {}
    for day in (HISTORY, SMALL.last_day):
        settings = small(sample_city, home, day)
        night = Night(city=sample_city, lake=open_lake(settings, "sample"), settings=settings, night=day)
        counts[day] = {source.id: ingest_source(night, source, OpenDoor()) for source in sample_city.sources}
    return night, counts


class TestTakenIn:
    def test_the_ledger_balances_and_nothing_is_set_aside(
        self, nights: tuple[Night, dict[date, dict[str, Counts]]]
    ) -> None:
        night, counts = nights
        assert all(one.is_balanced for by_source in counts.values() for one in by_source.values())
        assert night.lake.read("quarantine").collect().is_empty()
        ledger = night.lake.read("ledger").collect()
        assert ledger["received"].sum() == ledger["read"].sum()

    def test_every_signal_brings_rows_on_both_nights(self, nights: tuple[Night, dict[date, dict[str, Counts]]]) -> None:
        _, counts = nights
        for by_source in counts.values():
            assert all(one.written > 0 for source, one in by_source.items() if source != "removals")

    def test_posts_are_those_of_the_plan(self, nights: tuple[Night, dict[date, dict[str, Counts]]]) -> None:
        _, counts = nights
        first, second = counts[HISTORY]["posts"], counts[SMALL.last_day]["posts"]
        assert first.read == first.written
        # The last day's file holds two removals and one edited post besides the day's posts.
        assert first.read + second.read == SMALL.posts + 3

    def test_the_second_night_takes_back(self, nights: tuple[Night, dict[date, dict[str, Counts]]]) -> None:
        night, counts = nights
        assert counts[SMALL.last_day]["posts"].removed >= 2
        assert counts[SMALL.last_day]["removals"].removed == 1
        kinds = night.lake.read("removals").collect()["kind"].to_list()
        assert {"post", "author", "respondent"} <= set(kinds)

    def test_everything_is_marked_synthetic(self, nights: tuple[Night, dict[date, dict[str, Counts]]]) -> None:
        night, _ = nights
        for table in ("received_posts", "respondents", "answers", "reports", "observations", "counts", "truth"):
            rows = night.lake.read(table).collect()
            assert rows.height > 0
            assert rows["synthetic"].all()

    def test_what_cannot_be_placed_is_what_carries_no_place(
        self, nights: tuple[Night, dict[date, dict[str, Counts]]]
    ) -> None:
        night, _ = nights
        for table in ("respondents", "reports", "observations", "counts"):
            assert night.lake.read(table).collect()["area"].null_count() == 0
