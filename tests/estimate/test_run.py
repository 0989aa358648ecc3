"""The estimate step on a lake: the whole grid, once, the same however often, and only what the night may see."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer import ledger
from barometer.check.estimates import derive
from barometer.errors import BadConfiguration, BadInput
from barometer.estimate.run import STEP, estimate
from barometer.indicators import WHOLE_CITY
from barometer.night import Night
from barometer.tables import validate
from tests.estimate.fielded import SOURCES, fill, put, put_posts, put_survey
from tests.estimate.made import (
    BLOCK_END,
    BLOCK_START,
    IN_BLOCK,
    INDICATORS,
    counted,
    one,
    post,
    report,
    sighting,
    voices,
)
from tests.rows import NIGHT
from tests.towns import AREAS, a_night, a_source

PLACES = len(AREAS) + 1


@pytest.fixture
def night(tmp_path: Path) -> Night:
    (tmp_path / "city").mkdir()
    return a_night(tmp_path, NIGHT, *SOURCES)


def issued(night: Night) -> pl.DataFrame:
    return night.lake.read("estimates").filter(pl.col("night") == night.night).collect()


def covered(night: Night) -> pl.DataFrame:
    return night.lake.read("coverage").filter(pl.col("night") == night.night).collect()


def at(night: Night, day: date) -> Night:
    return replace(night, night=day)


class TestTheGrid:
    def test_every_indicator_place_and_period_has_exactly_one_row(self, night: Night) -> None:
        fill(night)
        estimate(night)
        found = issued(night)
        for name in INDICATORS.by_id:
            of_indicator = found.filter(pl.col("indicator") == name)
            periods = of_indicator.select("period_start", "period_end").unique()
            assert of_indicator.height == PLACES * periods.height > 0, name
        assert found.select("indicator", "geography", "area", "period_start", "period_end").is_unique().all()

    def test_rows_keep_the_contract(self, night: Night) -> None:
        fill(night)
        estimate(night)
        found = validate("estimates", issued(night))
        judged = derive(found)
        for rule in ("value_or_reason", "value_has_its_error", "value_is_in_its_interval", "numbers_are_finite"):
            assert judged[rule].all(), rule
        assert found["issued_at"].unique().to_list() == [night.horizon]
        assert found["run_id"].unique().to_list() == ["testville-2026-05-09"]
        assert found["config_version"].n_unique() == 1
        assert found["synthetic"].all()
        validate("coverage", covered(night))

    def test_all_five_signals_have_values(self, night: Night) -> None:
        fill(night)
        estimate(night)
        shown = issued(night).filter(pl.col("value").is_not_null() & (pl.col("geography") == WHOLE_CITY))
        for name in (
            "posts_distrust_share",
            "trust_police",
            "practitioner_trust",
            "observed_staying_rate",
            "observed_group_share",
            "service_requests_rate",
        ):
            assert shown.filter(pl.col("indicator") == name).height == 1, name

    def test_methods_and_models_are_named(self, night: Night) -> None:
        fill(night)
        estimate(night)
        found = issued(night)
        post_share = one(found, indicator="posts_distrust_share", area="T1")
        assert (post_share["method"], post_share["model_version"]) == ("uncorrected", "v1")
        survey = one(found, indicator="trust_police", geography=WHOLE_CITY)
        assert (survey["method"], survey["model_version"]) == ("direct", None)
        assert set(found["method"]) == {"direct", "uncorrected", "mean", "rate", "nowcast", "composite"}

    def test_coverage_has_every_signal_and_group(self, night: Night) -> None:
        fill(night)
        estimate(night)
        found = covered(night)
        assert set(found["signal"]) == {"posts", "answers", "reports", "observations", "counts"}
        assert one(found, signal="posts", area="T1")["voices"] == 12
        assert one(found, signal="posts", geography=WHOLE_CITY)["voices"] == 27
        assert one(found, signal="answers", geography=WHOLE_CITY, group="tenure=rent")["voices"] == 20

    @settings(max_examples=10)
    @given(
        authors=st.integers(0, 14),
        people=st.integers(0, 30),
        raters=st.integers(0, 5),
    )
    def test_whatever_came_in_the_grid_is_whole(
        self, tmp_path_factory: pytest.TempPathFactory, authors: int, people: int, raters: int
    ) -> None:
        folder = tmp_path_factory.mktemp("town")
        (folder / "city").mkdir()
        night = a_night(folder, NIGHT, *SOURCES)
        if authors:
            put_posts(night, voices(authors))
        if people:
            put_survey(night, people)
        if raters:
            put(night, "reports", *(report(i, f"q{i}", 3) for i in range(raters)))
        counts = estimate(night)
        found = issued(night)
        assert counts.written == found.height == PLACES * len(INDICATORS.by_id)
        assert derive(found)["value_or_reason"].all()


class TestWhyMissing:
    def test_a_city_without_sources_has_collected_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "city").mkdir()
        night = a_night(tmp_path, NIGHT, a_source(id="removals", signal="removals"))
        estimate(night)
        found = issued(night)
        assert set(found["missing_reason"]) == {"not_collected"}
        assert found["value"].null_count() == found.height == PLACES * len(INDICATORS.by_id)
        assert found["n"].sum() == 0

    def test_a_configured_source_that_brought_nothing_is_silent(self, night: Night) -> None:
        put(night, "reports", report(1, "q1", 3))
        estimate(night)
        found = issued(night)
        assert one(found, indicator="posts_distrust_share", area="T1")["missing_reason"] == "source_silent"
        assert one(found, indicator="observed_staying_rate", area="T1")["missing_reason"] == "source_silent"
        # a survey is not expected every month
        assert one(found, indicator="trust_police", area="T1")["missing_reason"] == "not_collected"

    def test_a_silent_month_between_two_is_told_from_a_quiet_place(self, night: Night) -> None:
        long_ago = voices(12, first=500, day=BLOCK_START - timedelta(days=40))
        put_posts(night, [*voices(12), *long_ago])
        estimate(night)
        rows_of = issued(night).filter((pl.col("indicator") == "rumour_share") & (pl.col("area") == "T2"))
        reasons = rows_of.sort("period_start")["missing_reason"].to_list()
        assert reasons == ["too_few", "source_silent", "too_few"]

    def test_nobody_watching_a_place_is_not_nobody_there(self, night: Night) -> None:
        fill(night)
        estimate(night)
        found = issued(night)
        assert one(found, indicator="observed_staying_rate", area="T3")["missing_reason"] == "not_collected"
        assert one(found, indicator="practitioner_trust", area="T4")["missing_reason"] == "not_collected"

    def test_a_series_that_did_not_come_is_silent_though_another_did(self, night: Night) -> None:
        fill(night)
        estimate(night)
        found = issued(night)
        assert one(found, indicator="footfall_rate", area="T1")["missing_reason"] == "source_silent"
        assert one(found, indicator="service_requests_rate", area="T2")["value"] == 0


class TestPeriods:
    def test_the_running_block_is_issued_before_it_ends(self, night: Night) -> None:
        fill(night)
        estimate(night)
        row = one(issued(night), indicator="rumour_share", area="T1")
        assert (row["period_start"], row["period_end"]) == (BLOCK_START, BLOCK_END)
        assert row["period_end"] > NIGHT

    def test_periods_run_from_the_first_day_without_a_gap(self, night: Night) -> None:
        put_posts(night, [*voices(12), *voices(12, first=500, day=NIGHT - timedelta(days=120))])
        estimate(night)
        starts = issued(night).filter(pl.col("indicator") == "rumour_share")["period_start"].unique().sort()
        assert starts.diff().drop_nulls().dt.total_days().unique().to_list() == [28]
        assert starts[-1] == BLOCK_START
        assert starts[0] <= NIGHT - timedelta(days=120)

    def test_what_lies_before_the_look_back_is_not_issued_again(self, night: Night) -> None:
        put_posts(night, [*voices(12), *voices(12, first=500, day=NIGHT - timedelta(days=2000))])
        put_survey(night, wave="ancient", day=NIGHT - timedelta(days=2000))
        estimate(night)
        oldest = issued(night)["period_end"].min()
        assert isinstance(oldest, date)
        assert oldest >= NIGHT - timedelta(days=INDICATORS.lookback_days)

    def test_a_wave_is_its_own_period(self, night: Night) -> None:
        put_survey(night, day=NIGHT - timedelta(days=3))
        estimate(night)
        row = one(issued(night), indicator="trust_police", area="T1")
        assert row["period_start"] == row["period_end"] == NIGHT - timedelta(days=3)

    def test_late_rows_reach_the_period_they_belong_to(self, night: Night) -> None:
        put_posts(night, voices(12))
        estimate(night)
        late = at(night, BLOCK_END + timedelta(days=10))
        put_posts(late, voices(5, first=200), on=late.night)
        estimate(late)
        before = one(issued(night), indicator="rumour_share", area="T1", period_start=BLOCK_START)
        after = one(issued(late), indicator="rumour_share", area="T1", period_start=BLOCK_START)
        assert (before["n"], after["n"]) == (12, 17)
        assert before["issued_at"] < after["issued_at"]


class TestNights:
    def test_the_same_night_again_writes_the_same_rows_and_nothing_anew(self, night: Night) -> None:
        fill(night)
        first_counts = estimate(night)
        first, versions = issued(night), night.lake.versions()
        assert estimate(night) == first_counts
        assert issued(night).equals(first)
        again = night.lake.versions()
        assert {k: again[k] for k in ("estimates", "coverage")} == {k: versions[k] for k in ("estimates", "coverage")}

    def test_the_same_inputs_in_another_lake_give_the_same_rows(self, night: Night, tmp_path: Path) -> None:
        fill(night)
        estimate(night)
        elsewhere = replace(night, lake=replace(night.lake, root=str(tmp_path / "elsewhere")))
        fill(elsewhere)
        estimate(elsewhere)
        assert issued(elsewhere).equals(issued(night))
        assert covered(elsewhere).equals(covered(night))

    def test_what_happened_after_the_horizon_waits_for_its_night(self, night: Night) -> None:
        tomorrow = NIGHT + timedelta(days=1)
        put_posts(night, [*voices(12), *voices(5, first=300, day=tomorrow)])
        estimate(night)
        assert one(issued(night), indicator="rumour_share", area="T1")["n"] == 12
        next_night = at(night, tomorrow)
        estimate(next_night)
        assert one(issued(next_night), indicator="rumour_share", area="T1")["n"] == 17

    def test_an_earlier_night_run_again_does_not_see_later_ones(self, night: Night) -> None:
        put_posts(night, voices(12))
        estimate(night)
        before = issued(night)
        later = at(night, NIGHT + timedelta(days=1))
        put_posts(later, [post(999, "late", day=IN_BLOCK, trust="distrust")], on=later.night)
        estimate(later)
        estimate(night)
        assert issued(night).equals(before)

    def test_every_night_keeps_its_own_partition(self, night: Night) -> None:
        fill(night)
        later = at(night, NIGHT + timedelta(days=1))
        for one_night in (night, later):
            estimate(one_night)
        assert issued(night).height == issued(later).height
        nights = night.lake.read("estimates").collect()["night"].unique().sort().to_list()
        assert nights == [NIGHT, later.night]

    @pytest.mark.parametrize("table", ["estimates", "coverage", "ledger"])
    def test_dying_before_a_write_and_starting_again_ends_the_same(
        self, night: Night, monkeypatch: pytest.MonkeyPatch, table: str
    ) -> None:
        fill(night)
        estimate(night)
        undisturbed = issued(night), covered(night)
        other = at(night, NIGHT + timedelta(days=1))
        written = type(night.lake).replace

        def dying(lake: Any, name: str, *args: Any, **kwargs: Any) -> int:
            if name == table:
                raise KeyboardInterrupt
            return written(lake, name, *args, **kwargs)

        with monkeypatch.context() as patched:
            patched.setattr(type(night.lake), "replace", dying)
            with pytest.raises(KeyboardInterrupt):
                estimate(other)
        estimate(other)
        estimate(night)
        assert issued(night).equals(undisturbed[0])
        assert covered(night).equals(undisturbed[1])
        assert issued(other).height == undisturbed[0].height


class TestTheLedger:
    def test_what_was_asked_for_was_written(self, night: Night) -> None:
        fill(night)
        counts = estimate(night)
        assert counts.is_balanced
        assert counts.written == issued(night).height
        entered = ledger.require_balance(night)
        assert entered.filter(pl.col("step") == STEP)["written"].to_list() == [counts.written]

    def test_the_time_it_took_is_noted_outside_the_lake(self, night: Night) -> None:
        estimate(night)
        assert (STEP, ledger.WHOLE_STEP) in ledger.timings(night)


class TestRefusals:
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda night: put_posts(night, voices(3), synthetic=False),
            lambda night: put_survey(night, 3, synthetic=False),
            lambda night: put(night, "reports", report(1, "q1", 3, synthetic=False)),
            lambda night: put(night, "observations", sighting(1, "s1", 3, synthetic=False)),
            lambda night: put(night, "counts", counted(1, 3, synthetic=False)),
        ],
    )
    def test_real_and_synthetic_rows_are_never_mixed(self, night: Night, spoil: Callable[[Night], None]) -> None:
        spoil(night)
        with pytest.raises(BadInput, match="never mix"):
            estimate(night)
        assert issued(night).is_empty()

    def test_a_real_citys_rows_are_marked_real(self, tmp_path: Path) -> None:
        (tmp_path / "city").mkdir()
        night = a_night(tmp_path, NIGHT, *SOURCES, is_synthetic=False)
        put_posts(night, voices(12), synthetic=False)
        estimate(night)
        assert not issued(night)["synthetic"].any()
        assert not covered(night)["synthetic"].any()

    def test_a_broken_indicator_file_is_said_before_anything_is_written(self, night: Night, tmp_path: Path) -> None:
        (tmp_path / "broken").mkdir()
        (tmp_path / "broken" / "indicators.yaml").write_text("indicators: nonsense", "utf-8")
        broken = replace(night, settings=night.settings.model_copy(update={"configs": tmp_path / "broken"}))
        with pytest.raises(BadConfiguration, match=r"indicators\.yaml"):
            estimate(broken)
        assert issued(night).is_empty()


def test_an_indicator_that_is_withheld_has_its_rows_and_no_value(night: Night) -> None:
    # given voices enough for a share of every kind
    fill(night)
    estimate(night)
    assert INDICATORS.withheld == ("hostile_share",)
    hostile, rumour = (issued(night).filter(pl.col("indicator") == name) for name in ("hostile_share", "rumour_share"))
    assert hostile.height == rumour.height
    assert rumour["value"].count() > 0
    assert hostile["value"].count() == hostile["upper"].count() == 0
    assert "not_applicable" in hostile["missing_reason"].to_list()
