"""Raking: by hand, against margins, under the cap, and honest where no weights do."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.weights import FEWEST_IN_CATEGORY, Weighted, bind_design, rake


def people(size: int, **columns: Any) -> pl.DataFrame:
    plain: dict[str, Any] = {
        "response": [f"r{i:05d}" for i in range(size)],
        "weight": [1.0] * size,
        "stratum": [None] * size,
        "cluster": [None] * size,
    }
    return pl.DataFrame(plain | columns, schema_overrides={"stratum": pl.String, "cluster": pl.String})


def weights_of(weighted: Weighted) -> pl.Series:
    data = weighted.sample.data
    assert isinstance(data, pl.DataFrame)
    return data[weighted.weight_column]


def shares_of(weighted: Weighted, margin: str) -> dict[str, float]:
    data = weighted.sample.data
    assert isinstance(data, pl.DataFrame)
    totals = data.group_by(margin).agg(pl.col(weighted.weight_column).sum()).sort(margin)
    whole = totals[weighted.weight_column].sum()
    return {category: total / whole for category, total in totals.iter_rows()}


def two_margins(counts: list[int]) -> pl.DataFrame:
    """Respondents of the four cells (young/old by own/rent) in the numbers given."""
    cells = [("young", "own"), ("young", "rent"), ("old", "own"), ("old", "rent")]
    listed = [cell for cell, count in zip(cells, counts, strict=True) for _ in range(count)]
    return people(len(listed), age=[a for a, _ in listed], tenure=[t for _, t in listed])


class TestRake:
    def test_two_margins_by_hand(self) -> None:
        # given 10, 40, 30, 20 respondents where half are young and six in ten own
        sample = two_margins([10, 40, 30, 20])
        margins = {"age": {"young": 50.0, "old": 50.0}, "tenure": {"own": 60.0, "rent": 40.0}}
        # when the same proportions are fitted by hand
        table = np.array([[10.0, 40.0], [30.0, 20.0]])
        for _ in range(200):
            table *= (np.array([50.0, 50.0]) / table.sum(axis=1))[:, None]
            table *= np.array([60.0, 40.0]) / table.sum(axis=0)
        # then each respondent weighs what their cell's people do
        weighted = rake(sample, margins, trim_ratio=5)
        by_cell = (
            weighted.sample.data.lazy()
            .collect()
            .group_by("age", "tenure")
            .agg(pl.col(weighted.weight_column).first())
            .sort("age", "tenure", descending=[True, False])
        )
        expected = (table / np.array([[10, 40], [30, 20]])).ravel()
        assert weighted.outcome == "raked"
        assert by_cell[weighted.weight_column].to_numpy() == pytest.approx(expected, rel=1e-4)

    def test_the_sum_of_base_weights_is_kept(self) -> None:
        weighted = rake(two_margins([10, 40, 30, 20]), {"age": {"young": 7e5, "old": 3e5}}, trim_ratio=5)
        assert weights_of(weighted).sum() == pytest.approx(100)

    def test_base_weights_are_respected_within_a_category(self) -> None:
        sample = two_margins([20, 20, 20, 20]).with_columns(weight=pl.Series([1.0, 3.0] * 40))
        weights = weights_of(rake(sample, {"age": {"young": 1.0, "old": 1.0}}, trim_ratio=5))
        assert weights[1] / weights[0] == pytest.approx(3)

    def test_margins_of_other_totals_are_taken_as_shares(self) -> None:
        # given persons by age and households by tenure
        margins = {"age": {"young": 300_000.0, "old": 100_000.0}, "tenure": {"own": 120.0, "rent": 80.0}}
        weighted = rake(two_margins([25, 25, 25, 25]), margins, trim_ratio=5)
        assert shares_of(weighted, "age") == pytest.approx({"old": 0.25, "young": 0.75}, abs=1e-4)
        assert shares_of(weighted, "tenure") == pytest.approx({"own": 0.6, "rent": 0.4}, abs=1e-4)

    def test_without_a_margin_the_base_weights_stand(self) -> None:
        sample = two_margins([10, 10, 10, 10])
        for margins in ({}, {"income": {"low": 1.0, "high": 1.0}}, {"age": {}}):
            weighted = rake(sample, margins, trim_ratio=5)  # type: ignore[arg-type]
            assert weighted.outcome == "unraked"
            assert weights_of(weighted).to_list() == [1.0] * 40


class TestUnknownAndSmall:
    def test_those_who_did_not_say_keep_their_share(self) -> None:
        sample = two_margins([30, 0, 50, 0]).with_columns(
            age=pl.when(pl.int_range(pl.len()) < 20).then(None).otherwise("age")
        )
        weighted = rake(sample, {"age": {"young": 1.0, "old": 1.0}}, trim_ratio=5)
        assert shares_of(weighted, "age") == pytest.approx({"not stated": 0.25, "old": 0.375, "young": 0.375}, abs=1e-4)

    def test_a_category_the_city_does_not_know_is_not_stated(self) -> None:
        sample = two_margins([30, 0, 50, 0]).with_columns(age=pl.col("age").replace("young", "youngish"))
        weighted = rake(sample, {"age": {"young": 1.0, "old": 1.0}}, trim_ratio=5)
        assert shares_of(weighted, "age") == pytest.approx({"not stated": 0.375, "old": 0.625}, abs=1e-4)

    def test_a_category_nobody_is_in_is_left_out(self) -> None:
        margins = {"age": {"child": 500.0, "young": 300.0, "old": 100.0}}
        weighted = rake(two_margins([20, 20, 20, 20]), margins, trim_ratio=5)
        assert shares_of(weighted, "age") == pytest.approx({"old": 0.25, "young": 0.75}, abs=1e-4)

    def test_small_categories_are_raked_as_one(self) -> None:
        # given four of a, two of b and many of c and d
        group = ["a"] * 4 + ["b"] * 2 + ["c"] * 40 + ["d"] * 54
        margins = {"group": {"a": 10.0, "b": 10.0, "c": 40.0, "d": 40.0}}
        weighted = rake(people(100, group=group), margins, trim_ratio=5)
        assert shares_of(weighted, "group") == pytest.approx(
            {"c": 0.4, "d": 0.4, "merged categories": 0.2}, abs=1e-4
        )  # fmt: skip

    def test_one_small_category_joins_the_next_smallest(self) -> None:
        group = ["a"] * (FEWEST_IN_CATEGORY - 1) + ["b"] * 10 + ["c"] * 80
        margins = {"group": {"a": 10.0, "b": 10.0, "c": 80.0}}
        weighted = rake(people(len(group), group=group), margins, trim_ratio=5)
        assert shares_of(weighted, "group") == pytest.approx({"c": 0.8, "merged categories": 0.2}, abs=1e-4)

    def test_a_category_of_just_enough_stands_alone(self) -> None:
        group = ["a"] * FEWEST_IN_CATEGORY + ["b"] * 80
        weighted = rake(people(len(group), group=group), {"group": {"a": 10.0, "b": 90.0}}, trim_ratio=5)
        assert shares_of(weighted, "group") == pytest.approx({"a": 0.1, "b": 0.9}, abs=1e-4)


class TestCap:
    def test_margins_and_cap_hold_together_where_they_can(self) -> None:
        rng = np.random.default_rng(3)
        sample = two_margins([60, 60, 60, 60]).with_columns(weight=pl.Series(rng.lognormal(0, 1.2, 240)))
        weighted = rake(sample, {"age": {"young": 55.0, "old": 45.0}}, trim_ratio=3)
        weights = weights_of(weighted)
        assert weighted.outcome == "raked"
        assert weights.max() <= 3 * weights.mean() * 1.001  # type: ignore[operator]
        assert shares_of(weighted, "age")["young"] == pytest.approx(0.55, abs=1e-3)

    def test_where_they_cannot_the_cap_is_kept(self) -> None:
        # given six people who would have to stand for nine in ten
        sample = two_margins([6, 0, 94, 0])
        weighted = rake(sample, {"age": {"young": 90.0, "old": 10.0}}, trim_ratio=5)
        weights = weights_of(weighted)
        assert weighted.outcome == "raked_then_trimmed"
        assert weights.max() <= 5 * weights.mean() * 1.001  # type: ignore[operator]
        assert weights.sum() == pytest.approx(100)
        assert shares_of(weighted, "age")["young"] > 0.25

    def test_margins_that_contradict_each_other_do_not_converge(self) -> None:
        # given everybody who is young owns and everybody who is old rents
        sample = two_margins([50, 0, 0, 50])
        weighted = rake(sample, {"age": {"young": 9.0, "old": 1.0}, "tenure": {"own": 1.0, "rent": 9.0}}, trim_ratio=5)
        assert weighted.outcome == "not_converged"
        assert weights_of(weighted).to_list() == [1.0] * 100


class TestDesign:
    def test_a_respondent_without_a_cluster_is_their_own(self) -> None:
        sample = bind_design(people(10))
        assert sample.n_psus == 10

    def test_clusters_of_one_name_in_two_strata_are_two(self) -> None:
        sample = bind_design(people(8, stratum=["a"] * 4 + ["b"] * 4, cluster=["1", "1", "2", "2"] * 2))
        assert (sample.n_psus, sample.n_strata) == (4, 2)

    def test_a_stratum_of_one_unit_has_a_variance(self) -> None:
        frame = people(6, stratum=["a"] * 4 + ["b"] * 2, cluster=["1", "1", "2", "2", "3", "3"])
        sample = bind_design(frame.with_columns(y=pl.Series([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])))
        estimated = sample.estimation.mean("y").to_polars()  # type: ignore[union-attr]
        assert estimated["se"].item() > 0


@given(
    counts=st.lists(st.integers(8, 60), min_size=4, max_size=4),
    young=st.floats(0.2, 0.8),
    own=st.floats(0.2, 0.8),
    seed=st.integers(0, 3),
)
def test_whatever_the_sample_the_margins_are_met_in_any_order(
    counts: list[int], young: float, own: float, seed: int
) -> None:
    sample = two_margins(counts)
    margins = {"age": {"young": young, "old": 1 - young}, "tenure": {"own": own, "rent": 1 - own}}
    weighted = rake(sample, margins, trim_ratio=20)
    assert weighted.outcome == "raked"
    assert shares_of(weighted, "age")["young"] == pytest.approx(young, abs=1e-3)
    assert shares_of(weighted, "tenure")["own"] == pytest.approx(own, abs=1e-3)
    assert (weights_of(weighted) > 0).all()
    other = rake(sample.sample(fraction=1, shuffle=True, seed=seed), margins, trim_ratio=20)
    by_name = [w.sample.data.lazy().collect().sort("response")[w.weight_column] for w in (weighted, other)]
    assert by_name[0].to_list() == pytest.approx(by_name[1].to_list(), rel=1e-6)
