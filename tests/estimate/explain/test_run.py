"""Why numbers changed: one factor changed by itself takes the whole change; several share it and sum to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from barometer import ledger
from barometer.check.explanations import derive
from barometer.errors import BadInput
from barometer.estimate.explain import run as explaining
from barometer.estimate.explain.again import Again
from barometer.estimate.explain.run import STEP, changed_cells, explain, explanations, noise_of
from barometer.estimate.run import estimate
from barometer.night import Night
from barometer.published import issued
from barometer.tables import EXPLAINED_BY, TABLES, validate
from tests.estimate.explain.released import (
    NEXT,
    changes_of,
    configs,
    configured_at,
    edit,
    empty_town,
    explained,
    later,
    parts_of,
    release,
    released_night,
    town,
    withdraw,
)
from tests.estimate.fielded import put, put_posts
from tests.estimate.made import BLOCK_END, BLOCK_START, answer, report, respondent, voices
from tests.rows import NIGHT, rows
from tests.towns import AREAS

NEW, LATE, WEIGHTS, MODEL, CONFIGURATION = EXPLAINED_BY


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Testville after its first release; copied by every test that goes on from there."""
    return released_night(tmp_path_factory.mktemp("evening")).settings.home


@pytest.fixture
def former(evening: Path, tmp_path: Path) -> Night:
    """The first night, released, in a lake of the test's own."""
    return empty_town(tmp_path, evening)


def new_ratings(night: Night) -> None:
    put(night, "reports", *(report(100 + i, f"q{i}", 5, area=AREAS[i % 2], day=NEXT) for i in range(6)), on=NEXT)


def late_ratings(night: Night) -> None:
    put(night, "reports", *(report(200 + i, f"q{i}", 1, area=AREAS[i % 2]) for i in range(6)), on=NEXT)


def another_mind(night: Night) -> None:
    """The night's posts as another model labels them."""
    labels = night.lake.read("labels").collect()
    other = labels.with_columns(trust=pl.lit("distrust"), target=pl.lit("people"), model_version=pl.lit("v2"))
    night.lake.replace("labels", other, partition={"night": NIGHT, "shard": 0})


def other_margins(night: Night) -> pl.DataFrame:
    """Three times as many tenants."""
    is_rent = pl.col("category") == "rent"
    return night.city.margins.with_columns(persons=pl.when(is_rent).then(4800).otherwise("persons"))


def other_indicators(night: Night, folder: Path) -> Night:
    """`posts_distrust_share` counts voices that say nothing of trust instead: configured otherwise."""

    def bend(indicator: dict[str, Any]) -> None:
        if indicator["id"] == "posts_distrust_share":
            indicator["measure"]["labels"] = {"trust": "none"}

    return configured_at(night, configs(folder / "other", bend))


class TestNothingToExplain:
    def test_before_the_first_release(self, tmp_path: Path) -> None:
        night = town(tmp_path)
        estimate(night)
        assert explain(night).written == 0
        assert night.lake.read("explanations").collect().is_empty()

    def test_the_same_estimates_again(self, former: Night) -> None:
        assert explanations(former).is_empty()

    def test_a_night_on_which_nothing_came(self, former: Night) -> None:
        assert explained(later(former)).filter(~pl.col("indicator").str.ends_with("_now")).is_empty()

    def test_numbers_that_appear_or_vanish_are_no_change_of_a_number(self, former: Night) -> None:
        night = later(former)
        put_posts(night, voices(12, area="T3", first=700, day=NIGHT), on=NEXT)
        found = explained(night)
        assert found.filter(pl.col("area") == "T3").is_empty()
        assert issued(night).filter(pl.col("area") == "T3", pl.col("value").is_not_null()).height > 0


class TestOneFactor:
    """Given one thing changed by itself, all of every change is its own."""

    def whole_is(self, found: pl.DataFrame, factor: str, *indicators: str) -> None:
        assert indicators
        assert set(indicators) <= set(found["indicator"])
        assert found.filter(pl.col("factor") != factor)["part"].abs().max() in (None, 0.0)
        own = found.filter(pl.col("factor") == factor)
        assert (own["part"] - own["change"]).abs().max() < 1e-9  # type: ignore[operator]
        assert own["change"].abs().min() > 0  # type: ignore[operator]

    def test_new_data(self, former: Night) -> None:
        night = later(former)
        new_ratings(night)
        self.whole_is(explained(night), NEW, "practitioner_trust")

    def test_new_answers_reach_what_rests_on_them(self, former: Night) -> None:
        night = later(former)
        put_answers(night, NEXT, wave="w1")
        found = explained(night).filter(pl.col("indicator").str.starts_with("trust_police"))
        self.whole_is(found, NEW, "trust_police")

    def test_late_data(self, former: Night) -> None:
        night = later(former)
        late_ratings(night)
        self.whole_is(explained(night), LATE, "practitioner_trust")

    def test_a_correction_of_an_old_row(self, former: Night) -> None:
        edit(former, "reports", lambda frame: frame.with_columns(rating=pl.lit(2.0)))
        self.whole_is(explained(later(former)), LATE, "practitioner_trust")

    def test_removed_data(self, former: Night) -> None:
        night = later(former)
        withdraw(night, [f"p{i:05d}" for i in range(2)], on=NEXT)
        found = explained(night)
        self.whole_is(found, LATE, "posts_distrust_share")
        assert parts_of(found, "posts_distrust_share", "T1")[LATE] == pytest.approx(1 / 10 - 3 / 12)

    def test_the_language_model(self, former: Night) -> None:
        another_mind(former)
        found = explained(later(former))
        self.whole_is(found, MODEL, "posts_distrust_share", "posts_distrust_people")
        assert parts_of(found, "posts_distrust_share", "T1")[MODEL] == pytest.approx(1 - 3 / 12)

    def test_weights(self, former: Night) -> None:
        night = later(former, margins=other_margins(former))
        self.whole_is(explained(night), WEIGHTS, "trust_police")

    def test_residents_per_head(self, former: Night) -> None:
        grown = former.city.areas.with_columns(pl.col("population") * 2)
        self.whole_is(explained(later(former, areas=grown)), WEIGHTS, "service_requests_rate")

    def test_configuration(self, former: Night, tmp_path: Path) -> None:
        found = explained(other_indicators(later(former), tmp_path))
        self.whole_is(found, CONFIGURATION, "posts_distrust_share")
        assert parts_of(found, "posts_distrust_share", "T1")[CONFIGURATION] == pytest.approx(9 / 12 - 3 / 12)

    def test_a_configuration_that_was_not_kept_is_method(self, tmp_path: Path) -> None:
        night = released_night(tmp_path, keep=False)
        self.whole_is(explained(later(night, margins=other_margins(night))), CONFIGURATION, "trust_police")

    def test_another_version_of_the_software_is_method(self, tmp_path: Path) -> None:
        night = town(tmp_path)
        estimate(night)
        bent = pl.when(pl.col("indicator") == "practitioner_trust").then(pl.col("value") - 0.5).otherwise("value")
        edit(night, "estimates", lambda frame: frame.with_columns(value=bent))
        release(night, software={"version": "0.0.1"})
        self.whole_is(explained(later(night)), CONFIGURATION, "practitioner_trust")

    def test_a_change_nobody_can_account_for_is_method(self, tmp_path: Path) -> None:
        night = town(tmp_path)
        estimate(night)
        bent = pl.when(pl.col("indicator") == "practitioner_trust").then(pl.col("value") - 0.5).otherwise("value")
        edit(night, "estimates", lambda frame: frame.with_columns(value=bent))
        release(night)
        self.whole_is(explained(later(night)), CONFIGURATION, "practitioner_trust")


@pytest.fixture(scope="module")
def everything(evening: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Night, pl.DataFrame]:
    """A later night on which all five factors changed, and why its numbers did."""
    folder = tmp_path_factory.mktemp("everything")
    former = empty_town(folder, evening)
    night = other_indicators(later(former, margins=other_margins(former)), folder)
    another_mind(night)
    withdraw(night, ["p00000"], on=NEXT)
    late = voices(5, distrusting=2, first=300, day=NIGHT)
    put_posts(night, [*late, *voices(4, distrusting=4, first=400, day=NEXT)], on=NEXT)
    return night, explained(night)


class TestSeveralFactors:
    def test_parts_sum_to_every_change(self, everything: tuple[Night, pl.DataFrame]) -> None:
        _, found = everything
        whole = changes_of(found)
        assert whole.height > 10
        assert (whole["parts"] - whole["change"]).abs().max() < 1e-9  # type: ignore[operator]
        assert set(found["factor"]) == set(EXPLAINED_BY)
        assert derive(validate("explanations", found))["parts_sum_to_the_change"].all()

    def test_changes_are_all_of_them(self, everything: tuple[Night, pl.DataFrame]) -> None:
        night, explained_rows = everything
        found = changes_of(explained_rows).drop("parts")
        then = night.lake.read("estimates").filter(pl.col("night") == NIGHT).collect()
        expected = changed_cells(then, issued(night))
        assert found.height == expected.height
        both = found.join(expected, on=["indicator", "area", "period_start"])
        assert (both["change"] - (both["value"] - both["value_then"])).abs().max() < 1e-12  # type: ignore[operator]

    def test_factors_of_other_signals_have_no_part(self, everything: tuple[Night, pl.DataFrame]) -> None:
        _, found = everything
        police = parts_of(found, "trust_police", "testville")
        assert set(police) == {WEIGHTS}
        assert abs(police[WEIGHTS]) > 0
        posts = parts_of(found, "posts_distrust_share", "T1")
        assert all(abs(posts[factor]) > 0 for factor in (NEW, LATE, MODEL, CONFIGURATION))

    def test_two_factors_that_do_not_meet_get_what_they_do_alone(self, former: Night) -> None:
        night = later(former)
        new_ratings(night)
        late_ratings_with(night)
        found = explained(night)
        parts = parts_of(found, "practitioner_trust", "T1")
        assert set(parts) == {NEW, LATE}
        assert parts[NEW] > 0 > parts[LATE]

    def test_removals_and_a_new_software_are_known_only_together(self, tmp_path: Path) -> None:
        night = released_night(tmp_path, software={"version": "0.0.1"})
        withdraw(night, ["p00000", "p00001"], on=NEXT)
        found = explained(later(night))
        parts = parts_of(found, "posts_distrust_share", "T1")
        assert parts[LATE] == pytest.approx(parts[CONFIGURATION])
        cell = found.filter(pl.col("indicator") == "posts_distrust_share", pl.col("area") == "T1")
        assert cell["is_shared"].all()
        assert "cannot be told apart" in cell["words"][0]


def late_ratings_with(night: Night) -> None:
    """Late ratings beside the new ones, in the same partition."""
    there = night.lake.read("reports").filter(pl.col("night") == NEXT).collect()
    late = rows("reports", *(report(200 + i, f"q{i}", 1, area="T1") | {"night": NEXT} for i in range(6)))
    night.lake.replace("reports", pl.concat([there, late]), partition={"night": NEXT, "source": "made"})


class TestAPromotedModel:
    """Given new posts that only the new model has read, all of them distrust by its word."""

    def promoted(self, former: Night) -> Night:
        night = later(former)
        new = voices(12, distrusting=12, first=600, day=NEXT)
        put_posts(night, new, on=NEXT)
        fresh = night.lake.read("labels").filter(pl.col("night") == NEXT).collect()
        by_new = fresh.with_columns(model_version=pl.lit("v2"))
        night.lake.replace("labels", by_new, partition={"night": NEXT, "shard": 0})
        estimate(night)
        return night

    @staticmethod
    def reads_nothing_in_them(posts: pl.DataFrame, name: str, version: str) -> pl.DataFrame:
        """The former model: no distrust anywhere."""
        assert (name, version) == ("linear", "v1")
        said = {"trust": "none", "target": "none", "rumour": "none", "hostile": "no"}
        marks = {"model": name, "model_version": version, "shard": 0} | said
        return rows("labels", *({"post": post, "night": NEXT} | marks for post in posts["post"]))

    def test_what_the_former_model_would_have_read_is_told_from_what_is_new(self, former: Night) -> None:
        found = explanations(self.promoted(former), reader=self.reads_nothing_in_them)
        parts = parts_of(found, "posts_distrust_share", "T1")
        # 3 of 12 said so before; of 24 voices 3 do by the former model and 15 by the new one. The new model changes
        # nothing without the new posts, so it is given half of what both do together, which is all it does.
        assert sum(parts.values()) == pytest.approx(15 / 24 - 3 / 12)
        assert parts[MODEL] == pytest.approx((15 - 3) / 24 / 2)
        assert parts[NEW] == pytest.approx(3 / 24 - 3 / 12 + (15 - 3) / 24 / 2)

    def test_where_the_former_model_is_gone_all_of_it_is_new_data(self, former: Night) -> None:
        night = self.promoted(former)
        for reader in (None, lambda posts, *_: TABLES["labels"].empty()):
            parts = parts_of(explanations(night, reader=reader), "posts_distrust_share", "T1")
            assert parts == {NEW: pytest.approx(15 / 24 - 3 / 12)}


class TestPeriods:
    def test_a_new_period_is_compared_with_the_newest_before(self, former: Night) -> None:
        day = BLOCK_END + timedelta(days=3)
        night = later(former, day)
        put_posts(night, voices(12, distrusting=6, first=600, day=day), on=day)
        found = explained(night).filter(pl.col("indicator") == "posts_distrust_share", pl.col("area") == "T1")
        (row,) = found.iter_rows(named=True)
        assert (row["since_start"], row["since_end"]) == (BLOCK_START, BLOCK_END)
        assert row["period_start"] == BLOCK_END + timedelta(days=1)
        assert (row["factor"], row["part"]) == (NEW, pytest.approx(6 / 12 - 3 / 12))
        assert row["words"].endswith(f"Compared with {BLOCK_START} to {BLOCK_END}.")

    def test_a_wave_delivered_late_is_late_data(self, former: Night) -> None:
        night = later(former)
        day = NIGHT - timedelta(days=1)
        put_answers(night, day, wave="w2")
        found = explained(night).filter(pl.col("indicator") == "trust_police", pl.col("period_end") == day)
        assert set(found["factor"]) == {LATE}
        assert found["since_end"].n_unique() == 1

    def test_the_newest_former_period_that_ended_before_is_taken(self) -> None:
        def frame(*periods: tuple[int, float | None]) -> pl.DataFrame:
            made = [
                {"indicator": "i", "area": "T1", "value": value, "standard_error": 0.1}
                | {"period_start": date(2026, month, 1), "period_end": date(2026, month, 28)}
                for month, value in periods
            ]
            return rows("estimates", *made)

        found = changed_cells(frame((1, 1.0), (2, 2.0), (3, None)), frame((2, 2.0), (3, 3.0), (4, 4.0)))
        assert found.select("period_start", "since_start", "value_then").rows() == [
            (date(2026, 4, 1), date(2026, 2, 1), 2.0)
        ]


def put_answers(night: Night, day: date, *, wave: str) -> None:
    """Forty questionnaires of one day that came in with the later night."""
    people = [respondent(800 + i, area=AREAS[i % 2], wave=wave, day=day) for i in range(40)]
    tenure = [answer(800 + i, "group.tenure", category="own" if i % 3 else "rent") for i in range(40)]
    police = [answer(800 + i, "trust_police", float(i % 9)) for i in range(40)]
    put(night, "respondents", *people, on=NEXT)
    put(night, "answers", *tenure, *police, on=NEXT)


class TestNoise:
    def test_a_small_change_by_data_is_within_noise_and_says_so(self, former: Night) -> None:
        night = later(former)
        put_posts(night, voices(1, first=900, day=NEXT), on=NEXT)
        cell = explained(night).filter(pl.col("indicator") == "posts_distrust_share", pl.col("area") == "T1")
        assert cell["is_within_noise"].all()
        assert "within noise" in cell["words"][0]

    def test_what_no_data_changed_is_never_within_noise(self, former: Night) -> None:
        found = explained(later(former, margins=other_margins(former)))
        assert found.height > 0
        assert not found["is_within_noise"].any()

    @pytest.mark.parametrize(("part", "within"), [(0.0, False), (0.97, True), (0.99, False), (-0.97, True)])
    def test_the_bound_is_of_two_independent_estimates(self, part: float, within: bool) -> None:
        noise, found = noise_of({"standard_error": 0.3, "standard_error_then": 0.4}, {NEW: part, MODEL: 9.0})
        assert noise == pytest.approx(1.96 * 0.5, rel=1e-3)
        assert found is within

    def test_new_and_late_data_count_together(self) -> None:
        errors = {"standard_error": 0.3, "standard_error_then": 0.4}
        assert noise_of(errors, {NEW: 5.0, LATE: -4.9})[1]


class TestTheStep:
    def test_running_again_writes_the_same_rows_and_nothing_anew(self, former: Night) -> None:
        night = later(former)
        new_ratings(night)
        estimate(night)
        explain(night)
        first, version = night.lake.read("explanations").collect(), night.lake.versions()["explanations"]
        explain(night)
        assert night.lake.read("explanations").collect().equals(first)
        assert night.lake.versions()["explanations"] == version

    def test_the_ledger_counts_the_changes(self, former: Night) -> None:
        night = later(former)
        new_ratings(night)
        estimate(night)
        counts = explain(night)
        entered = ledger.require_balance(night).filter(pl.col("step") == STEP)
        assert entered["written"].to_list() == [counts.written]
        assert counts.written == changes_of(night.lake.read("explanations").collect()).height > 0

    def test_a_release_published_since_changes_nothing(self, former: Night) -> None:
        night = later(former)
        new_ratings(night)
        before = explained(night)
        release(night)
        assert explanations(night).equals(before)

    def test_new_data_alone_costs_no_estimation(self, former: Night, monkeypatch: pytest.MonkeyPatch) -> None:
        night = later(former)
        new_ratings(night)
        monkeypatch.setattr(Again, "values", lambda *_: pytest.fail("estimated again"))
        assert explained(night).height > 0

    @pytest.mark.parametrize("change", [late_ratings, another_mind], ids=["late", "model"])
    def test_one_factor_alone_costs_no_estimation(
        self, former: Night, monkeypatch: pytest.MonkeyPatch, change: Callable[[Night], None]
    ) -> None:
        change(later(former))
        monkeypatch.setattr(Again, "_signal", lambda *_: pytest.fail("estimated again"))
        assert explained(later(former)).height > 0

    def test_a_lake_made_anew_has_no_past_and_still_explains(self, former: Night) -> None:
        other = replace(former, lake=replace(former.lake, root=str(former.settings.home / "anew")))
        for table in ("posts", "labels", "reports", "respondents", "answers", "observations", "counts", "estimates"):
            edit_into(former, other, table)
        night = later(other)
        new_ratings(night)
        found = explained(night)
        assert set(found.filter(pl.col("indicator") == "practitioner_trust")["factor"]) == {NEW}

    def test_a_kept_configuration_that_cannot_be_read_is_one_line(self, former: Night) -> None:
        (kept,) = (former.settings.releases / "testville" / ".configurations").iterdir()
        kept.write_bytes(b"no zip")
        night = later(former, margins=other_margins(former))
        estimate(night)
        with pytest.raises(BadInput, match="is no archive of a configuration"):
            explain(night)
        assert explaining.STEP == "explain"


def edit_into(source: Night, target: Night, table: str) -> None:
    """Copy a table into another lake."""
    frame = source.lake.read(table).collect()
    for partition, part in frame.partition_by(TABLES[table].partition, as_dict=True).items():
        target.lake.replace(table, part, partition=dict(zip(TABLES[table].partition, partition, strict=True)))
