"""The whole function: errors against formulas, invariances, coverage, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.errors import BadConfiguration, BadInput
from barometer.estimate.composite import Alternatives, Composite, CompositeResult, Screening, composite_index
from barometer.estimate.composite.index import SCORES_SCHEMA, SCREENED_SCHEMA
from barometer.estimate.composite.uncertainty import SENSITIVITY_SCHEMA

# Nothing varies but the values' own errors (and weights by next to nothing).
STILL = Alternatives(normalisation=(), aggregation=(), weight_noise=1e-9)
WEIGHTS = {"a": 2.0, "b": 1.0, "c": 1.0}
TOTAL = 4.0


def _composite(**choices: Any) -> Composite:
    parts = [{"id": name, "weight": weight, "goalposts": (0, 10)} for name, weight in WEIGHTS.items()]
    plain = {"id": "index", "parts": parts, "treatment": "none", "normalisation": "goalposts", "alternatives": STILL}
    return Composite.model_validate(plain | choices)


def _values(units: int = 20, seed: int = 5) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {"unit": [f"N{i:02d}" for i in range(units)]} | {name: rng.uniform(3, 7, units) for name in WEIGHTS}
    )


def _errors(values: pl.DataFrame, **errors: float) -> pl.DataFrame:
    return values.select("unit", *(pl.lit(error).alias(name) for name, error in errors.items()))


def _made(values: pl.DataFrame, composite: Composite | None = None, **choices: Any) -> CompositeResult:
    return composite_index(values, composite or _composite(), **({"samples": 16} | choices))


class TestErrorsOfTheScore:
    """On goalposts the index is linear, so its error follows from the parts' errors: sqrt(sum (w s 10)²)."""

    VALUES = _values()
    ERRORS = _errors(VALUES, a=0.2, b=0.3, c=0.1)

    def test_independent_errors(self) -> None:
        found = _made(self.VALUES, errors=self.ERRORS).index["sampling_error"].mean()
        assert found == pytest.approx(10 * np.sqrt((2 * 0.2) ** 2 + 0.3**2 + 0.1**2) / TOTAL, rel=0.03)

    def test_errors_of_the_same_respondents_add_up(self) -> None:
        shared = _made(self.VALUES, errors=self.ERRORS, error_correlation=0.6).index["sampling_error"].mean()
        terms = np.array([2 * 0.2, 0.3, 0.1])
        covariance = np.outer(terms, terms) * (0.6 + 0.4 * np.eye(3))
        assert shared == pytest.approx(10 * np.sqrt(covariance.sum()) / TOTAL, rel=0.03)

    def test_the_correlation_is_in_trust_whatever_way_a_part_points(self) -> None:
        """A distrust share that errs high when trust errs low is the same respondents erring once."""
        turned = [{"id": n, "weight": w, "goalposts": (0, 10)} for n, w in WEIGHTS.items()]
        turned[1]["direction"] = "negative"
        values = self.VALUES.with_columns(b=10 - pl.col("b"))
        found = [
            _made(frame, composite, errors=self.ERRORS, error_correlation=0.6).index["sampling_error"].mean()
            for frame, composite in ((self.VALUES, _composite()), (values, _composite(parts=turned)))
        ]
        assert found[0] == pytest.approx(found[1], rel=0.03)

    def test_values_known_exactly_bring_none(self) -> None:
        assert _made(self.VALUES).index["sampling_error"].to_list() == [0.0] * 20

    def test_alternatives_only_add_to_the_error(self) -> None:
        more = _composite(normalisation="min_max", alternatives=Alternatives())
        rows = _made(self.VALUES, more, errors=self.ERRORS, samples=64).index
        assert (rows["standard_error"] > rows["sampling_error"]).mean() > 0.9

    def test_larger_errors_give_wider_rank_intervals(self) -> None:
        widths = [
            _made(self.VALUES, errors=_errors(self.VALUES, a=e, b=e, c=e), samples=64)
            .index.select(pl.col("rank_upper") - pl.col("rank_lower"))
            .to_series()
            .mean()
            for e in (0.01, 0.3)
        ]
        assert widths[0] < widths[1]  # type: ignore[operator]


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """600 units measured once each: 95 % of the intervals hold the index of the true values."""
    rng = np.random.default_rng(9)
    truth = _values(600, seed=8)
    truth = truth.with_columns(unit=pl.format("{}-{}", "unit", pl.int_range(600)))
    seen = truth.with_columns(pl.col(name) + pl.Series(rng.normal(0, 0.4, 600)) for name in WEIGHTS)
    errors = _errors(seen, a=0.4, b=0.4, c=0.4)
    found = _made(seen, errors=errors, samples=256).index.join(
        truth.select("unit", true=sum(10 * w * pl.col(n) for n, w in WEIGHTS.items()) / TOTAL), on="unit"
    )
    covered = found.select(pl.col("true").is_between("lower", "upper")).to_series().mean()
    assert covered == pytest.approx(0.95, abs=0.025)


@settings(max_examples=8)
@given(st.permutations(range(12)))
def test_the_order_of_rows_and_columns_changes_nothing(order: list[int]) -> None:
    values = _values(12)
    errors = _errors(values, a=0.1, b=0.2, c=0.3)
    plain = _made(values, errors=errors)
    moved = _made(values[order].select("c", "unit", "a", "b"), errors=errors[order[::-1]])
    assert plain.scores.equals(moved.scores)
    assert plain.sensitivity.equals(moved.sensitivity)


@settings(max_examples=8)
@given(st.floats(0.5, 20), st.floats(-5, 5))
def test_min_max_does_not_care_for_units_of_measurement(scale: float, shift: float) -> None:
    composite = _composite(normalisation="min_max", alternatives=Alternatives())
    values = _values(12)
    moved = values.with_columns(b=pl.col("b") * scale + shift)
    left, right = _made(values, composite).index, _made(moved, composite).index
    assert left["score"].to_numpy() == pytest.approx(right["score"].to_numpy(), abs=1e-8)
    assert left["standard_error"].to_numpy() == pytest.approx(right["standard_error"].to_numpy(), abs=1e-6)


def test_more_of_a_positive_part_never_lowers_a_score() -> None:
    values = _values()
    better = values.with_columns(a=pl.when(pl.col("unit") == "N03").then(pl.col("a") + 1).otherwise("a"))
    before, after = (_made(v).scores.filter(unit="N03", part="index")["score"].item() for v in (values, better))
    assert after == pytest.approx(before + 10 * 1 * 2 / TOTAL)


def test_frames_have_their_columns() -> None:
    found = _made(_values())
    assert dict(found.scores.schema) == SCORES_SCHEMA
    assert dict(found.sensitivity.schema) == SENSITIVITY_SCHEMA
    assert dict(found.screened.schema) == SCREENED_SCHEMA
    assert found.weights.rows() == [("a", "index", 0.5), ("b", "index", 0.25), ("c", "index", 0.25)]
    assert found.treatments["kind"].to_list() == ["none"] * 3


def test_the_index_is_listed_best_first_and_the_missing_last() -> None:
    values = _values().with_columns(
        pl.when(pl.col("unit") == "N07").then(None).otherwise(pl.col(n)).alias(n) for n in "ab"
    )
    index = _made(values).index
    assert index["score"][:-1].is_sorted(descending=True)
    assert index.row(-1, named=True)["unit"] == "N07"
    assert index.row(-1, named=True)["missing_reason"] == "too_few"


def test_sensitivity_is_always_there() -> None:
    assert _made(_values()).sensitivity["assumption"].to_list() == ["weights"]


def test_a_unit_s_own_score_can_be_explained() -> None:
    values = _values()
    found = _made(values, errors=_errors(values, a=0.3, b=0.3, c=0.3), explain_units=["N04"], samples=128).sensitivity
    assert found["output"].unique(maintain_order=True).to_list() == ["mean_rank_shift", "N04"]
    own = dict(found.filter(output="N04").select("assumption", "total").iter_rows())
    assert own["errors"] == pytest.approx(1, abs=0.15)
    assert own["weights"] == pytest.approx(0, abs=0.01)


def test_a_gap_left_open_is_scored_from_what_is_known() -> None:
    values = _values().with_columns(c=pl.when(pl.col("unit") == "N05").then(None).otherwise("c"))
    row = _made(values).scores.filter(unit="N05").row(0, named=True)
    a, b = values.filter(unit="N05").select("a", "b").row(0)
    assert row["score"] == pytest.approx(10 * (2 * a + b) / 3)
    assert (row["n_parts"], row["n_imputed"]) == (2, 0)


def test_an_imputed_value_widens_the_interval() -> None:
    values = _values().with_columns(c=pl.when(pl.col("unit") == "N05").then(None).otherwise("c"))
    rows = _made(values, _composite(imputation="mean"), errors=_errors(values, a=0.1, b=0.1, c=0.1)).index
    gap = rows.filter(unit="N05").row(0, named=True)
    assert gap["n_imputed"] == 1
    assert gap["sampling_error"] > 1.5 * rows.filter(unit="N06")["sampling_error"].item()


def test_a_part_that_is_the_same_everywhere_is_dropped_and_said_so() -> None:
    values = _values().with_columns(c=pl.lit(4.0))
    found = _made(values, _composite(normalisation="min_max"))
    assert found.screened.filter(kind="part", is_kept=False)["id"].to_list() == ["c"]
    assert found.weights["part"].to_list() == ["a", "b"]


def test_on_goalposts_it_stays_for_there_it_has_a_place() -> None:
    found = _made(_values().with_columns(c=pl.lit(4.0)))
    assert found.screened["is_kept"].all()


def test_a_share_of_parts_below_the_threshold_drops_a_unit() -> None:
    values = _values().with_columns(c=pl.when(pl.col("unit") == "N05").then(None).otherwise("c"))
    strict = _composite(screening=Screening(minimum_per_unit=0.9, minimum_per_part=0.5))
    assert _made(values, strict).screened.filter(kind="unit", is_kept=False)["id"].to_list() == ["N05"]


@pytest.mark.parametrize("aggregation", ["geometric", "harmonic", "copeland"])
@pytest.mark.parametrize("normalisation", ["min_max", "z_score", "rank", "percentile_rank", "distance_to_max"])
def test_every_combination_of_methods_scores_everybody(normalisation: str, aggregation: str) -> None:
    composite = _composite(normalisation=normalisation, aggregation=aggregation, alternatives=Alternatives())
    found = _made(_values(), composite, errors=_errors(_values(), a=0.1, b=0.1, c=0.1), samples=4).index
    assert found.select("score", "standard_error", "lower", "upper", "rank").null_count().sum_horizontal().item() == 0


@pytest.mark.parametrize(
    ("values", "choices", "error", "complaint"),
    [
        (_values(2), {}, BadInput, "fewer than 3 units"),
        (_values().drop("b"), {}, BadInput, "lack the column b"),
        (_values(), {"error_correlation": 1.0}, BadConfiguration, "below 1"),
        (_values(), {"error_correlation": -0.1}, BadConfiguration, "from 0"),
        (_values(), {"errors": _errors(_values(), a=0.1, b=0.1, c=-1)}, BadInput, "c of N00 has a value but no"),
        (_values(), {"errors": _errors(_values(), a=0.1, b=float("nan"), c=0)}, BadInput, "b of N00"),
        (_values(), {"explain_units": ["elsewhere"]}, BadInput, "no score of elsewhere"),
        (_values(), {"samples": 10}, BadConfiguration, "power of two"),
    ],
)
def test_what_does_not_fit_is_refused(
    values: pl.DataFrame, choices: dict[str, Any], error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        _made(values, **choices)
