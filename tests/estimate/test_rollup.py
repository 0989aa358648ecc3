"""Benchmarking: exact agreement, least moves, honest errors; wards as means of neighbourhoods."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from barometer.city import City, load_city
from barometer.errors import BadInput
from barometer.estimate.intervals import Z
from barometer.estimate.rollup import ROLLED_SCHEMA, Benchmarked, Method, Scale, benchmark, roll_up
from barometer.settings import PROJECT

VALUES, MSE, PEOPLE = np.array([0.2, 0.4, 0.6]), np.array([0.01, 0.01, 0.04]), np.array([1000.0, 2000.0, 1000.0])
MEAN = 0.4
WAYS: list[tuple[Method, Scale]] = [
    ("difference", "identity"),
    ("ratio", "identity"),
    ("mse_weighted", "identity"),
    ("difference", "logit"),
    ("mse_weighted", "logit"),
]

_AREAS = st.integers(2, 12)


@st.composite
def _cities(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares, mean squared errors and populations of some areas."""
    size = draw(_AREAS)
    shares = draw(hnp.arrays(np.float64, size, elements=st.floats(0.02, 0.98)))
    mse = draw(hnp.arrays(np.float64, size, elements=st.floats(1e-5, 0.05)))
    people = draw(hnp.arrays(np.float64, size, elements=st.floats(50, 20_000)))
    return shares, mse, people


def _mean(values: np.ndarray, people: np.ndarray) -> float:
    return float((people * values).sum() / people.sum())


class TestByHand:
    """Three areas with shares 1/4, 1/2, 1/4 and mean .4, brought to .5."""

    def test_difference_moves_all_alike(self) -> None:
        found = benchmark(VALUES, MSE, PEOPLE, 0.5, method="difference")
        assert found.values == pytest.approx([0.3, 0.5, 0.7])
        assert found.discrepancy == pytest.approx(0.1)

    def test_ratio_moves_in_proportion(self) -> None:
        assert benchmark(VALUES, MSE, PEOPLE, 0.5, method="ratio").values == pytest.approx([0.25, 0.5, 0.75])

    def test_mse_weighted_moves_the_uncertain_and_the_populous(self) -> None:
        """w mse = .0025, .005, .01; sum of w² mse = .000625 + .0025 + .0025 = .005625."""
        moves = np.array([0.0025, 0.005, 0.01]) / 0.005625 * 0.1
        assert benchmark(VALUES, MSE, PEOPLE, 0.5).values == pytest.approx(VALUES + moves)

    def test_on_the_logit_scale_all_odds_move_alike(self) -> None:
        found = benchmark(VALUES, MSE, PEOPLE, 0.5, method="difference", scale="logit").values
        odds = found / (1 - found) / (VALUES / (1 - VALUES))
        assert odds == pytest.approx(np.full(3, odds[0]))

    def test_the_same_data_s_total_adds_the_square_of_the_move(self) -> None:
        found = benchmark(VALUES, MSE, PEOPLE, 0.5, method="difference")
        assert found.mse == pytest.approx(MSE + 0.01)

    def test_a_true_total_informs(self) -> None:
        """difference: mse - 2 w mse + sum w² mse, with a = 1."""
        found = benchmark(VALUES, MSE, PEOPLE, 0.5, method="difference", total_variance=0.0)
        shares = PEOPLE / PEOPLE.sum()
        assert found.mse == pytest.approx(MSE - 2 * shares * MSE + (shares**2 * MSE).sum())

    def test_an_uncertain_total_informs_less(self) -> None:
        true, rough = (benchmark(VALUES, MSE, PEOPLE, 0.5, total_variance=v).mse for v in (0.0, 0.01))
        assert (rough > true).all()


@pytest.mark.parametrize(("method", "scale"), WAYS)
class TestEveryWay:
    """What holds whatever the method and the scale."""

    @given(city=_cities(), total=st.floats(0.03, 0.97))
    def test_the_weighted_mean_is_the_total(self, method: Method, scale: Scale, city: Any, total: float) -> None:
        shares, mse, people = city
        found = benchmark(shares, mse, people, total, method=method, scale=scale)
        assert _mean(found.values, people) == pytest.approx(total, abs=1e-9)

    @given(city=_cities())
    def test_values_in_agreement_stay(self, method: Method, scale: Scale, city: Any) -> None:
        shares, mse, people = city
        found = benchmark(shares, mse, people, _mean(shares, people), method=method, scale=scale)
        assert found.values == pytest.approx(shares, abs=1e-12)
        assert found.mse == pytest.approx(mse, rel=1e-9)

    @given(city=_cities(), total=st.floats(0.05, 0.95), chance=st.randoms(use_true_random=False))
    def test_the_order_of_areas_does_not_matter(
        self, method: Method, scale: Scale, city: Any, total: float, chance: Any
    ) -> None:
        shares, mse, people = city
        order = list(range(len(shares)))
        chance.shuffle(order)
        plain = benchmark(shares, mse, people, total, method=method, scale=scale)
        moved = benchmark(shares[order], mse[order], people[order], total, method=method, scale=scale)
        assert moved.values == pytest.approx(plain.values[order], abs=1e-9)
        assert moved.mse == pytest.approx(plain.mse[order], rel=1e-6)

    @given(city=_cities(), total=st.floats(0.05, 0.95))
    def test_twice_is_once(self, method: Method, scale: Scale, city: Any, total: float) -> None:
        shares, mse, people = city
        once = benchmark(shares, mse, people, total, method=method, scale=scale)
        assume(method != "ratio" or (once.values > 0).all())
        assume(scale == "identity" or ((once.values > 0) & (once.values < 1)).all())
        again = benchmark(once.values, mse, people, total, method=method, scale=scale)
        assert again.values == pytest.approx(once.values, abs=1e-8)

    @given(city=_cities(), total=st.floats(0.05, 0.95))
    def test_all_move_in_one_direction(self, method: Method, scale: Scale, city: Any, total: float) -> None:
        shares, mse, people = city
        found = benchmark(shares, mse, people, total, method=method, scale=scale)
        moves = found.values - shares
        assert (np.sign(found.discrepancy) * moves >= -1e-9).all()

    @given(city=_cities(), total=st.floats(0.05, 0.95), factor=st.floats(0.1, 50))
    def test_only_the_proportion_of_populations_counts(
        self, method: Method, scale: Scale, city: Any, total: float, factor: float
    ) -> None:
        shares, mse, people = city
        plain = benchmark(shares, mse, people, total, method=method, scale=scale)
        scaled = benchmark(shares, mse, people * factor, total, method=method, scale=scale)
        assert scaled.values == pytest.approx(plain.values, abs=1e-9)

    @given(city=_cities(), total=st.floats(0.05, 0.95))
    def test_a_total_from_the_same_data_never_lowers_an_error(
        self, method: Method, scale: Scale, city: Any, total: float
    ) -> None:
        shares, mse, people = city
        found = benchmark(shares, mse, people, total, method=method, scale=scale)
        slopes = np.ones_like(shares)
        if scale == "logit":
            slopes = found.values * (1 - found.values) / (shares * (1 - shares))
        assert (found.mse >= mse * slopes**2 * (1 - 1e-9)).all()


@given(_cities(), st.floats(0.005, 0.995), st.sampled_from(["difference", "mse_weighted"]))
def test_on_the_logit_scale_shares_stay_shares(city: Any, total: float, method: Method) -> None:
    shares, mse, people = city
    found = benchmark(shares, mse, people, total, method=method, scale="logit").values
    assert (found >= 0).all()
    assert (found <= 1).all()


def test_as_they_are_shares_may_leave_their_range() -> None:
    """Why the logit scale is there."""
    assert benchmark(VALUES, MSE, PEOPLE, 0.05, method="difference").values.min() < 0
    assert benchmark(VALUES, MSE, PEOPLE, 0.05, method="difference", scale="logit").values.min() > 0


def test_a_share_of_nobody_or_all_stays() -> None:
    values = np.array([0.0, 0.5, 1.0])
    found = benchmark(values, np.full(3, 0.01), np.ones(3), 0.6, scale="logit")
    assert found.values == pytest.approx([0, 0.8, 1])
    assert found.mse[[0, 2]].tolist() == [0.01, 0.01]


def test_no_other_move_is_smaller_in_the_measure_minimised() -> None:
    """Against a general optimiser: any step along the constraint is dearer."""
    found = benchmark(VALUES, MSE, PEOPLE, 0.45).values
    cost = (((found - VALUES) ** 2) / MSE).sum()
    rng = np.random.default_rng(0)
    for _ in range(200):
        step = rng.normal(0, 0.02, 3)
        step -= (PEOPLE @ step) / (PEOPLE @ PEOPLE) * PEOPLE
        assert (((found + step - VALUES) ** 2) / MSE).sum() >= cost


class TestErrorsBySimulation:
    """2,000 cities with known truths: the mean squared errors stated are the ones that occur."""

    DRAWS = 2_000
    PEOPLE = np.array([2.0, 1.0, 3.0, 2.0, 2.0])
    MSE = np.array([0.04, 0.01, 0.09, 0.04, 0.02])

    def _drawn(self) -> tuple[np.ndarray, np.ndarray, np.random.Generator]:
        rng = np.random.default_rng(21)
        truth = rng.normal(5, 1, (self.DRAWS, 5))
        return truth, truth + rng.normal(0, np.sqrt(self.MSE), (self.DRAWS, 5)), rng

    def _missed(self, results: list[Benchmarked], truth: np.ndarray) -> np.ndarray:
        return ((np.array([found.values for found in results]) - truth) ** 2).mean(axis=0)

    @pytest.mark.parametrize("method", ["difference", "mse_weighted"])
    def test_a_true_total(self, method: Method) -> None:
        truth, seen, _ = self._drawn()
        totals = truth @ self.PEOPLE / self.PEOPLE.sum()
        results = [
            benchmark(values, self.MSE, self.PEOPLE, total, method=method, total_variance=0.0)
            for values, total in zip(seen, totals, strict=True)
        ]
        assert self._missed(results, truth) == pytest.approx(results[0].mse, rel=0.12)

    def test_a_total_with_an_error_of_its_own(self) -> None:
        truth, seen, rng = self._drawn()
        totals = truth @ self.PEOPLE / self.PEOPLE.sum() + rng.normal(0, 0.1, self.DRAWS)
        results = [
            benchmark(values, self.MSE, self.PEOPLE, total, total_variance=0.01)
            for values, total in zip(seen, totals, strict=True)
        ]
        assert self._missed(results, truth) == pytest.approx(results[0].mse, rel=0.12)

    def test_shrunken_estimates_and_the_direct_total_of_the_same_survey(self) -> None:
        """Best predictors: benchmarking to the survey's own total costs, on average, the square of the move."""
        rng = np.random.default_rng(5)
        between, within = 0.25, 0.25
        truth = rng.normal(5, np.sqrt(between), (self.DRAWS, 5))
        direct = truth + rng.normal(0, np.sqrt(within), (self.DRAWS, 5))
        shrink = between / (between + within)
        best, mse = 5 + shrink * (direct - 5), np.full(5, shrink * within)
        totals = direct @ self.PEOPLE / self.PEOPLE.sum()
        results = [
            benchmark(values, mse, self.PEOPLE, total, method="difference")
            for values, total in zip(best, totals, strict=True)
        ]
        stated = np.mean([found.mse for found in results], axis=0)
        assert self._missed(results, truth) == pytest.approx(stated, rel=0.08)
        assert (stated > mse).all()


@pytest.mark.parametrize(
    ("values", "mse", "people", "total", "choices", "complaint"),
    [
        ([0.1, np.nan], [1.0, 1.0], [1.0, 1.0], 0.5, {}, "leave out missing"),
        ([0.1, 0.2], [1.0, -1.0], [1.0, 1.0], 0.5, {}, "0 or more"),
        ([0.1, 0.2], [1.0, 1.0], [0.0, 0.0], 0.5, {}, "someone who lives"),
        ([0.1, 0.2], [1.0, 1.0], [1.0], 0.5, {}, "for each area"),
        ([], [], [], 0.5, {}, "for each area"),
        ([0.1, 0.2], [1.0, 1.0], [1.0, 1.0], np.nan, {}, "known values"),
        ([0.1, 1.2], [1.0, 1.0], [1.0, 1.0], 0.5, {"scale": "logit"}, "between 0 and 1"),
        ([0.1, 0.2], [1.0, 1.0], [1.0, 1.0], 1.5, {"scale": "logit"}, "between 0 and 1"),
        ([0.0, 0.2], [1.0, 1.0], [1.0, 1.0], 0.5, {"method": "ratio"}, "above zero"),
        ([0.1, 0.2], [1.0, 1.0], [1.0, 1.0], 0.5, {"method": "ratio", "scale": "logit"}, "by ratio"),
        ([0.1, 0.2], [0.0, 0.0], [1.0, 1.0], 0.5, {}, "no area can move"),
        ([0.0, 1.0], [0.1, 0.1], [1.0, 1.0], 0.4, {"scale": "logit"}, "no area can move"),
        ([0.0, 0.5], [0.1, 0.1], [1.0, 1.0], 0.9, {"scale": "logit"}, "no move of shares"),
    ],
)
def test_what_cannot_be_benchmarked_is_refused(
    values: list[float], mse: list[float], people: list[float], total: float, choices: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(BadInput, match=complaint):
        benchmark(np.array(values), np.array(mse), np.array(people), total, **choices)


# --- wards ----------------------------------------------------------------------------------------------------------

CROSSWALK = pl.DataFrame(
    {
        "area": ["N1", "N1", "N2", "N3"],
        "geography": ["ward"] * 4,
        "other_area": ["W1", "W2", "W2", "W2"],
        "share": [0.25, 0.75, 1.0, 1.0],
    }
)
POPULATION = pl.DataFrame({"area": ["N1", "N2", "N3"], "population": [4000, 2000, 5000]})


def _areas(*values: float | None, error: float = 0.1) -> pl.DataFrame:
    errors = [None if value is None else error for value in values]
    return pl.DataFrame(
        {"area": [f"N{i + 1}" for i in range(len(values))], "value": values, "standard_error": errors},
        schema={"area": pl.String, "value": pl.Float64, "standard_error": pl.Float64},
    )


def _rolled(areas: pl.DataFrame, **choices: Any) -> pl.DataFrame:
    return roll_up(areas, crosswalk=CROSSWALK, population=POPULATION, **choices)


class TestWards:
    """N1 is cut: a quarter of its 4,000 people live in W1, the rest with N2 and N3 in W2."""

    def test_values_and_errors_by_hand(self) -> None:
        first, second = _rolled(_areas(6.0, 4.0, 5.0)).iter_rows(named=True)
        assert first["value"] == pytest.approx(6.0)
        assert first["standard_error"] == pytest.approx(0.1)
        people = np.array([3000, 2000, 5000])
        assert second["value"] == pytest.approx((people @ [6, 4, 5]) / 10_000)
        assert second["standard_error"] == pytest.approx(0.1 * np.sqrt((people**2).sum()) / 10_000)
        assert (second["n_areas"], second["population"], second["covered"]) == (3, 10_000, 1)

    def test_columns_and_interval(self) -> None:
        found = _rolled(_areas(6.0, 4.0, 5.0))
        assert dict(found.schema) == ROLLED_SCHEMA
        row = found.row(0, named=True)
        assert (row["lower"], row["upper"]) == pytest.approx((6 - Z * 0.1, 6 + Z * 0.1))

    def test_an_interval_ends_with_the_scale(self) -> None:
        row = _rolled(_areas(9.95, 0.05, 0.05), maximum=10.0).row(0, named=True)
        assert row["upper"] == 10
        assert _rolled(_areas(0.05, 0.05, 0.05), maximum=10.0)["lower"].to_list()[0] == 0

    def test_an_interval_of_a_share_lies_inside(self) -> None:
        found = _rolled(_areas(0.03, 0.97, 0.03, error=0.02), is_share=True)
        assert (found["lower"] > 0).all()
        assert (found["upper"] < 1).all()
        assert found.select(pl.col("value").is_between("lower", "upper")).to_series().all()

    @pytest.mark.parametrize("share", [0.0, 1.0])
    def test_a_share_of_nobody_or_all_has_itself_as_interval(self, share: float) -> None:
        row = _rolled(_areas(share, 0.5, 0.5), is_share=True).row(0, named=True)
        assert (row["lower"], row["upper"]) == (share, share)

    def test_too_little_known_of_a_ward_is_missing(self) -> None:
        found = _rolled(_areas(6.0, 4.0, None))
        assert found["missing_reason"].to_list() == [None, "too_few"]
        assert found.row(1, named=True)["value"] is None
        assert found.row(1, named=True)["upper"] is None
        assert found["covered"].to_list() == pytest.approx([1, 0.5])

    def test_enough_known_is_the_mean_of_what_is_known(self) -> None:
        found = _rolled(_areas(6.0, 4.0, None), minimum_covered=0.5).row(1, named=True)
        assert found["value"] == pytest.approx((3000 * 6 + 2000 * 4) / 5000)
        assert found["standard_error"] == pytest.approx(0.1 * np.sqrt(3000**2 + 2000**2) / 5000)
        assert found["n_areas"] == 2

    def test_nothing_known_is_missing_whatever_the_threshold(self) -> None:
        found = _rolled(_areas(None, None, None), minimum_covered=0.0)
        assert found["missing_reason"].to_list() == ["too_few", "too_few"]

    def test_shares_must_add_up(self) -> None:
        with pytest.raises(BadInput, match=r"shares of N2 over ward add up to 0\.900000"):
            roll_up(
                _areas(1.0),
                crosswalk=CROSSWALK.with_columns(
                    pl.when(pl.col("area") == "N2").then(0.9).otherwise("share").alias("share")
                ),
                population=POPULATION,
            )

    def test_every_neighbourhood_needs_its_population(self) -> None:
        with pytest.raises(BadInput, match="no population of N3"):
            roll_up(_areas(1.0, 1.0, 1.0), crosswalk=CROSSWALK, population=POPULATION.head(2))

    @given(st.permutations(range(4)), st.permutations(range(3)))
    def test_the_order_of_rows_does_not_matter(self, pieces: list[int], order: list[int]) -> None:
        areas = _areas(6.0, 4.0, 5.0)
        moved = roll_up(areas[order], crosswalk=CROSSWALK[pieces], population=POPULATION[order])
        assert moved.equals(_rolled(areas))

    @given(st.lists(st.floats(0, 10), min_size=3, max_size=3))
    def test_a_ward_lies_among_its_neighbourhoods(self, values: list[float]) -> None:
        found = _rolled(_areas(*values))["value"]
        assert found.min() >= min(values) - 1e-9  # type: ignore[operator]
        assert found.max() <= max(values) + 1e-9  # type: ignore[operator]


class TestBradford:
    """Sixty-three neighbourhoods, thirty wards, one city: they agree."""

    @pytest.fixture(scope="class")
    @classmethod
    def city(cls) -> City:
        return load_city("bradford", PROJECT / "configs")

    def test_neighbourhoods_wards_and_city_agree(self, city: City) -> None:
        places = city.neighbourhoods.sort("area").select("area", "population")
        people = places["population"].cast(pl.Float64).to_numpy()
        rng = np.random.default_rng(1)
        shares, mse = rng.uniform(0.2, 0.8, 63), rng.uniform(0.001, 0.01, 63)
        found = benchmark(shares, mse, people, 0.47, scale="logit")
        areas = places.select("area").with_columns(
            value=pl.Series(found.values), standard_error=pl.Series(np.sqrt(found.mse))
        )
        wards = roll_up(areas, crosswalk=city.crosswalk, population=places, is_share=True)
        assert wards.height == 30
        assert _mean(found.values, people) == pytest.approx(0.47, abs=1e-9)
        of_wards = (wards["value"] * wards["population"]).sum() / wards["population"].sum()
        assert of_wards == pytest.approx(0.47, abs=1e-9)
        assert wards["population"].sum() == pytest.approx(people.sum())

    def test_a_ward_is_known_better_than_its_neighbourhoods(self, city: City) -> None:
        places = city.neighbourhoods.select("area", "population")
        areas = places.select("area", value=pl.lit(5.0), standard_error=pl.lit(0.3))
        wards = roll_up(areas, crosswalk=city.crosswalk, population=places)
        assert (wards["standard_error"] <= 0.3 + 1e-12).all()
        assert wards["standard_error"].mean() < 0.25  # type: ignore[operator]
