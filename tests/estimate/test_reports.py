"""Practitioners' ratings: every rater one voice, every form's scale turned to one, agreement no certainty."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import City, load_city
from barometer.estimate.cells import complete
from barometer.estimate.periods import PERIOD
from barometer.estimate.reports import FEWEST_AREAS, FEWEST_RATERS, estimate_reports
from barometer.indicators import WHOLE_CITY
from barometer.settings import PROJECT
from barometer.simulate.plan import Plan
from barometer.simulate.reports import Reports
from barometer.simulate.world import World, make_world
from tests.estimate.made import INDICATORS, one, periods_of, placed, report, with_day
from tests.estimate.rated import Rated, compact, rated_city
from tests.rows import rows
from tests.towns import make_testville

NAME = "practitioner_trust"


@pytest.fixture
def city(tmp_path: Path) -> City:
    return make_testville(tmp_path)


def means(city: City, reports: list[dict[str, Any]]) -> pl.DataFrame:
    frame = with_day(rows("reports", *reports), "reported_at")
    cells = estimate_reports(frame, city=city, indicator=INDICATORS[NAME], periods=periods_of(NAME))
    return complete(cells, city)


def local(city: City, reports: list[dict[str, Any]]) -> dict[str, Any]:
    return one(means(city, reports), area="T1")


def raters(*ratings: float, area: str = "T1", first: int = 0, **values: Any) -> list[dict[str, Any]]:
    return [report(first + i, f"q{first + i}", r, area=area, **values) for i, r in enumerate(ratings)]


class TestMeans:
    @pytest.mark.parametrize(
        ("rating", "lowest", "highest", "expected"),
        [(1, 1, 5, 0), (5, 1, 5, 10), (3, 1, 5, 5), (4, 1, 5, 7.5), (7, 0, 10, 7), (50, 0, 100, 5), (-1, -2, 2, 2.5)],
    )
    def test_a_forms_scale_is_turned_to_nought_to_ten(
        self, city: City, rating: float, lowest: float, highest: float, expected: float
    ) -> None:
        reports = raters(*[rating] * 3, scale_minimum=lowest, scale_maximum=highest)
        assert local(city, reports)["value"] == pytest.approx(expected)

    def test_a_mean_by_hand(self, city: City) -> None:
        # given ratings 2, 3 and 4 of 1 to 5, which are 2.5, 5 and 7.5 of 0 to 10
        found = local(city, raters(2, 3, 4))
        # then mean 5, deviation 2.5, standard error 2.5 / sqrt(3), t of 2 degrees of freedom 4.303
        assert found["value"] == 5
        assert found["standard_error"] == pytest.approx(2.5 / np.sqrt(3))
        assert found["upper"] == pytest.approx(min(10, 5 + 4.30265 * 2.5 / np.sqrt(3)), rel=1e-5)
        assert (found["n"], found["effective_n"]) == (3, 3.0)

    def test_a_rater_who_reports_often_is_one_voice(self, city: City) -> None:
        often = [report(100 + i, "q0", 1.0) for i in range(50)]
        found = local(city, [*raters(1, 5, 5), *often])
        assert found["value"] == pytest.approx((0 + 10 + 10) / 3)
        assert found["n"] == 3

    def test_a_raters_own_reports_are_averaged(self, city: City) -> None:
        found = local(city, [report(1, "q1", 1), report(2, "q1", 5), report(3, "q2", 3), report(4, "q3", 3)])
        assert found["value"] == 5

    def test_the_city_is_heard_over_all_its_raters(self, city: City) -> None:
        found = means(city, [*raters(1, 1, 1), *raters(5, 5, 5, area="T2", first=10)])
        whole = one(found, geography=WHOLE_CITY)
        assert (whole["value"], whole["n"]) == (5, 6)

    def test_a_rating_off_its_own_scale_is_held_at_its_end(self, city: City) -> None:
        assert local(city, raters(6, 6, 6))["value"] == 10


class TestErrors:
    def test_raters_who_happen_to_agree_are_not_thereby_certain(self, city: City) -> None:
        # given three raters of one mind here and three at odds elsewhere
        reports = [*raters(3, 3, 3), *raters(1, 3, 5, area="T2", first=10)]
        found = local(city, reports)
        # then the spread within places is pooled: (0 + 50) / 4 = 12.5
        assert found["standard_error"] == pytest.approx(np.sqrt(12.5 / 3))

    def test_raters_at_odds_keep_their_own_wider_spread(self, city: City) -> None:
        reports = [*raters(1, 3, 5), *raters(3, 3, 3, area="T2", first=10)]
        assert local(city, reports)["standard_error"] == pytest.approx(np.sqrt(25 / 3))

    def test_raters_who_see_one_place_alike_share_no_spread_with_the_city(self, city: City) -> None:
        reports = [*raters(1, 1, 1), *raters(5, 5, 5, area="T2", first=10)]
        assert local(city, reports)["standard_error"] == 0

    def test_two_raters_are_too_few(self, city: City) -> None:
        found = local(city, raters(2, 4))
        assert (found["missing_reason"], found["value"], found["n"]) == ("too_few", None, 2)

    def test_two_raters_of_many_reports_are_still_too_few(self, city: City) -> None:
        found = local(city, [report(i, f"q{i % 2}", 1 + i % 5) for i in range(40)])
        assert (found["missing_reason"], found["n"]) == ("too_few", 2)

    def test_a_place_nobody_rated_has_the_periods_reason(self, city: City) -> None:
        assert one(means(city, raters(1, 2, 3)), area="T3")["missing_reason"] == "too_few"

    def test_the_interval_is_cut_at_the_scales_end(self, city: City) -> None:
        found = local(city, raters(1, 1, 2))
        assert found["lower"] == 0


@st.composite
def some_reports(draw: st.DrawFn) -> list[dict[str, Any]]:
    return [
        report(i, f"q{draw(st.integers(0, 8))}", draw(st.floats(1, 5)), area=draw(st.sampled_from(["T1", "T2", "T3"])))
        for i in range(draw(st.integers(1, 40)))
    ]


class TestWhateverIsReported:
    @given(reports=some_reports())
    def test_means_and_intervals_stay_on_the_scale(self, tmp_path: Path, reports: list[dict[str, Any]]) -> None:
        for row in means(make_testville(tmp_path), reports).iter_rows(named=True):
            if row["value"] is not None:
                assert 0 <= row["lower"] <= row["value"] <= row["upper"] <= 10
                assert row["n"] >= 3
            else:
                assert row["missing_reason"] == "too_few"

    @given(reports=some_reports(), order=st.randoms(use_true_random=False))
    def test_their_order_does_not_matter(self, tmp_path: Path, reports: list[dict[str, Any]], order: Any) -> None:
        city = make_testville(tmp_path)
        shuffled = list(reports)
        order.shuffle(shuffled)
        # sums in another order may differ in the digit that is rounded away
        first, second = means(city, reports), means(city, sorted(shuffled, key=lambda r: str(r["report"])))
        assert first.equals(second)


AREAS = [f"A{i:02d}" for i in range(20)]


@pytest.fixture
def town(tmp_path: Path) -> City:
    """Testville with 20 neighbourhoods of unequal size."""
    areas = pl.DataFrame(
        {
            "geography": ["hood"] * 20,
            "area": AREAS,
            "name": AREAS,
            "population": [1000 + 100 * i for i in range(20)],
            "adults": [800 + 80 * i for i in range(20)],
        }
    )
    return make_testville(tmp_path, areas=areas)


@pytest.fixture(scope="module")
def rated() -> Rated:
    return compact(rated_city(np.random.default_rng(12), areas=20, raters=80, periods=1, each=5))


def reported(rated: Rated) -> list[dict[str, Any]]:
    """The ratings as reports on a form of 0 to 10."""
    ratings = rated.ratings
    columns = (ratings.rating.tolist(), ratings.area.tolist(), ratings.rater.tolist())
    scale = {"scale_minimum": 0.0, "scale_maximum": 10.0}
    return [
        report(i, f"q{who:02d}", min(max(rating, 0), 10), area=AREAS[where], **scale)
        for i, (rating, where, who) in enumerate(zip(*columns, strict=True))
    ]


def found(city: City, reports: list[dict[str, Any]]) -> pl.DataFrame:
    frame = with_day(rows("reports", *reports), "reported_at")
    return estimate_reports(frame, city=city, indicator=INDICATORS[NAME], periods=periods_of(NAME)).found


class TestSeverity:
    def test_where_raters_cross_the_model_is_used_and_says_so(self, town: City, rated: Rated) -> None:
        cells = found(town, reported(rated)).filter(pl.col("value").is_not_null())
        assert cells.height > 15
        assert set(cells["method"]) == {"model"}
        assert cells.filter(pl.col("geography") == "hood")["reliability"].is_between(0, 1).all()

    def test_one_rater_turned_severe_hardly_moves_anything(self, town: City, rated: Rated) -> None:
        reports = reported(rated)
        harsher = [one | {"rating": max(one["rating"] - 3, 0)} if one["rater"] == "q07" else one for one in reports]
        before, after = (found(town, several).drop_nulls("value") for several in (reports, harsher))
        moved = before.join(after, on=["geography", "area"], suffix="_after")
        assert (moved["value"] - moved["value_after"]).abs().mean() < 0.2

    def test_the_neighbourhoods_roll_up_to_the_city(self, town: City, rated: Rated) -> None:
        cells = found(town, reported(rated))
        hoods = cells.filter(pl.col("geography") == "hood").join(town.neighbourhoods, on="area")
        assert hoods["value"].null_count() == 0, "the city's value can be checked only where every part is shown"
        expected = (hoods["value"] * hoods["adults"]).sum() / hoods["adults"].sum()
        whole = one(cells, geography=WHOLE_CITY)
        assert whole["value"] == pytest.approx(expected, abs=1e-9)
        assert whole["standard_error"] < hoods["standard_error"].min()

    def test_a_neighbourhood_that_nobody_shares_keeps_its_mean(self, town: City, rated: Rated) -> None:
        # given all reports on A19 come from raters who know no other place
        crossing = [one for one in reported(rated) if one["area"] != "A19"]
        apart = [report(9000 + i, f"z{i}", r, area="A19") for i, r in enumerate((2, 3, 4))]
        cells = found(town, [*crossing, *apart])
        alone = one(cells, area="A19")
        assert (alone["value"], alone["method"]) == (5.0, None)
        assert one(cells, area="A03")["method"] == "model"

    def test_too_few_raters_of_a_place_are_withheld_as_before(self, town: City, rated: Rated) -> None:
        kept = {"q00", "q01"}
        reports = [one | {"area": "A01" if one["rater"] in kept else one["area"]} for one in reported(rated)]
        reports = [one for one in reports if one["area"] != "A01" or one["rater"] in kept]
        hidden = one(found(town, reports), area="A01")
        assert (hidden["missing_reason"], hidden["value"], hidden["method"]) == ("too_few", None, None)

    @pytest.mark.parametrize(("areas", "raters"), [(FEWEST_AREAS - 1, 40), (20, FEWEST_RATERS - 1)])
    def test_below_either_number_means_are_published(self, town: City, areas: int, raters: int) -> None:
        few = compact(rated_city(np.random.default_rng(3), areas=areas, raters=raters, periods=1, each=6))
        assert found(town, reported(few))["method"].null_count() == found(town, reported(few)).height

    def test_at_both_numbers_the_model_is_used(self, town: City) -> None:
        # given as few as will do, every rater on every place
        rater, area = (x.ravel() for x in np.indices((FEWEST_RATERS, FEWEST_AREAS)))
        rating = np.random.default_rng(1).normal(5, 1, len(rater))
        scale = {"scale_minimum": 0.0, "scale_maximum": 10.0}
        reports = [
            report(i, f"q{who}", float(r), area=AREAS[at], **scale)
            for i, (who, at, r) in enumerate(zip(rater, area, rating, strict=True))
        ]
        assert one(found(town, reports), area="A00")["method"] == "model"

    def test_raters_of_one_mind_fall_back_to_means(self, town: City, rated: Rated) -> None:
        alike = [one | {"rating": 5.0} for one in reported(rated)]
        cells = found(town, alike)
        assert cells["method"].null_count() == cells.height
        assert cells.drop_nulls("value")["value"].unique().to_list() == [5.0]

    def test_the_order_of_reports_does_not_matter(self, town: City, rated: Rated) -> None:
        reports = reported(rated)
        assert complete_found(town, reports).equals(complete_found(town, reports[::-1]))


def complete_found(city: City, reports: list[dict[str, Any]]) -> pl.DataFrame:
    return found(city, reports).with_columns(pl.selectors.float().round_sig_figs(10))


class TestTheSampleCity:
    """Sixty practitioners of known severity, two forms, a truth for every day."""

    @pytest.fixture(scope="class")
    @classmethod
    def joined(cls) -> pl.DataFrame:
        city = load_city("sample", PROJECT / "configs")
        world = make_world(city, Plan(seed=2026))
        simulated = Reports(world)
        frame = placed(as_table(world, simulated))
        cells = estimate_reports(frame, city=city, indicator=INDICATORS[NAME], periods=periods_of(NAME)).found
        means = (
            frame.group_by("area", *PERIOD, "rater")
            .agg(
                (
                    (pl.col("rating") - pl.col("scale_minimum")) / (pl.col("scale_maximum") - pl.col("scale_minimum"))
                ).mean()
                * 10
            )
            .group_by("area", *PERIOD)
            .agg(mean=pl.col("rating").mean())
        )
        return (
            cells.drop_nulls("value")
            .join(truth_of(world, simulated), on=["area", *PERIOD])
            .join(means, on=["area", *PERIOD])
        )

    def test_adjusting_halves_the_error(self, joined: pl.DataFrame) -> None:
        errors = [((joined[name] - joined["truth"]) ** 2).mean() ** 0.5 for name in ("value", "mean")]
        print(f"practitioner_trust, {joined.height} cells: RMSE {errors[0]:.3f} by the model, {errors[1]:.3f} by means")
        assert errors[0] < 0.6 * errors[1]

    def test_intervals_hold_the_truth(self, joined: pl.DataFrame) -> None:
        assert 0.91 < joined["truth"].is_between(joined["lower"], joined["upper"]).mean() <= 1


def as_table(world: World, simulated: Reports) -> pl.DataFrame:
    """What the door makes of the simulated forms, as far as the estimate needs it."""
    codes = dict(zip(world.people.names, world.areas, strict=True)) | {area: area for area in world.areas}
    is_five = pl.col("scale") == "1-5"
    return simulated.reports.with_columns(
        area=pl.col("area").replace_strict(codes),
        day=pl.lit(world.plan.first_day) + pl.duration(days=pl.col("day")),
        rating=pl.col("rating").cast(pl.Float64),
        scale_minimum=pl.when(is_five).then(1.0).otherwise(0.0),
        scale_maximum=pl.when(is_five).then(5.0).otherwise(10.0),
    )


def truth_of(world: World, simulated: Reports) -> pl.DataFrame:
    days = [world.plan.day(number) for number in range(world.plan.days)]
    daily = pl.DataFrame(
        {
            "area": world.areas * len(days),
            "day": [day for day in days for _ in world.areas],
            "truth": simulated.truth.ravel(),
        }
    )
    return placed(daily).group_by("area", *PERIOD).agg(pl.col("truth").mean())
