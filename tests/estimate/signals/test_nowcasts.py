"""Nowcasts: nearer the truth with a signal that earned it, intervals that cover, and a past that knows no future."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from barometer.errors import BadInput
from barometer.estimate.signals.back_tests import back_test
from barometer.estimate.signals.fit import Parameters
from barometer.estimate.signals.nowcasts import NOWCAST_SCHEMA, nowcast
from barometer.estimate.signals.panel import SIGNAL_SCHEMA
from barometer.estimate.signals.scale import Scale
from tests.estimate.signals.cities import Town, shuffled, signal, survey, truth

MEAN = Scale()
TOWN = Town(areas=63, waves=5, gap_weeks=6, weekly=0.08)
PARAMETERS = Parameters(TOWN.between**2, TOWN.weekly**2, TOWN.citywide**2)
NO_SIGNALS = pl.DataFrame(schema=SIGNAL_SCHEMA)
NUMBERS = ("value", "standard_error", "lower", "upper", "effective_n")


def weighed(**weights: float) -> pl.DataFrame:
    rows = {"signal": list(weights), "weight": list(weights.values())}
    return pl.DataFrame(rows, schema={"signal": pl.String, "weight": pl.Float64})


def made(seed: int, town: Town = TOWN) -> tuple[np.random.Generator, np.ndarray, pl.DataFrame, pl.DataFrame]:
    """Random numbers, truth, survey and a true signal."""
    rng = np.random.default_rng(seed)
    levels = truth(town, rng)
    return rng, levels, survey(town, levels, rng), signal(town, levels, rng, name="true")


def all_weeks(town: Town = TOWN) -> list[date]:
    return [town.day(week) for week in range(town.weeks)]


def held(frame: pl.DataFrame, levels: np.ndarray) -> tuple[float, float]:
    """Root mean squared error and coverage against the truth (week x area)."""
    ordered = frame.sort("period_end", "area")
    value, lower, upper = (ordered[name].to_numpy() for name in ("value", "lower", "upper"))
    known = levels.ravel()
    return float(np.sqrt(np.mean((value - known) ** 2))), float(np.mean((lower <= known) & (known <= upper)))


def assert_same(one: pl.DataFrame, other: pl.DataFrame, tolerance: float = 1e-9) -> None:
    assert one.select("area", "period_end").equals(other.select("area", "period_end"))
    for name in NUMBERS:
        np.testing.assert_allclose(one[name].to_numpy(), other[name].to_numpy(), rtol=tolerance, atol=tolerance)


def test_a_signal_that_earned_weight_brings_the_nowcast_nearer_and_intervals_cover() -> None:
    """Ten cities: back-test, then nowcast every week of the past by what was known that week."""
    found = []
    for seed in range(10):
        _, levels, answers, heard = made(seed)
        table = back_test(answers, heard, indicator="trust", scale=MEAN)
        results = [
            held(nowcast(answers, heard, weights, periods=all_weeks(), scale=MEAN), levels)
            for weights in (weighed(), table)
        ]
        found.append([*results[0], *results[1]])
    alone, alone_covers, led, led_covers = np.mean(found, axis=0)
    assert led < 0.9 * alone
    assert 0.93 <= alone_covers <= 0.97
    assert 0.93 <= led_covers <= 0.97


def test_intervals_of_shares_cover() -> None:
    town = Town(mean=-0.4, between=0.3, weekly=0.04, citywide=0.02, waves=5, gap_weeks=6)
    scale, covers = Scale("share", 0, 1), []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        levels = truth(town, rng)
        answers = survey(town, levels, rng, is_share=True)
        frame = nowcast(answers, NO_SIGNALS, weighed(), periods=all_weeks(town), scale=scale)
        covers.append(held(frame, 1 / (1 + np.exp(-levels)))[1])
    assert 0.93 <= np.mean(covers) <= 0.97


def test_intervals_cover_where_covariates_explain_nearly_all() -> None:
    """Little is left between areas: the model must not take that for nothing at all."""
    town = Town(waves=3, gap_weeks=3, between=0.1, weekly=0.1)
    covers = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        explained = rng.normal(0, 0.5, town.areas)
        levels = truth(town, rng) + explained
        prior = pl.DataFrame({"area": town.names, "known": explained, "other": rng.normal(size=town.areas)})
        answers = survey(town, levels, rng)
        frame = nowcast(answers, NO_SIGNALS, weighed(), periods=all_weeks(town), scale=MEAN, prior=prior)
        covers.append(held(frame, levels)[1])
    assert 0.93 <= np.mean(covers) <= 0.98


def test_the_pooled_survey_beats_its_own_last_wave() -> None:
    _, levels, answers, _ = made(1)
    frame = nowcast(answers, NO_SIGNALS, weighed(), periods=all_weeks(), scale=MEAN)
    raw = answers.sort("wave_end", "area")["value"].to_numpy().reshape(TOWN.waves, TOWN.areas)
    carried = raw[np.arange(TOWN.weeks) // TOWN.gap_weeks]
    assert held(frame, levels)[0] < 0.85 * float(np.sqrt(np.mean((carried - levels) ** 2)))


def test_the_frame_is_complete_and_sorted() -> None:
    _, _, answers, heard = made(2)
    frame = nowcast(answers, heard, weighed(true=0.5), periods=all_weeks()[::-1], scale=MEAN)
    assert frame.schema == pl.Schema(NOWCAST_SCHEMA)
    assert frame.height == TOWN.areas * TOWN.weeks
    assert frame.equals(frame.sort("area", "period_end"))
    assert frame["missing_reason"].null_count() == frame.height
    shares = frame.select(pl.sum_horizontal("share_from_survey", "share_from_signals", "share_from_prior")).to_series()
    np.testing.assert_allclose(shares, 1.0)
    assert frame.select(pl.all_horizontal(pl.col("^share_from_.*$").is_between(0, 1)).all()).item()


def test_n_counts_those_who_had_answered_by_then() -> None:
    _, _, answers, _ = made(2)
    frame = nowcast(answers, NO_SIGNALS, weighed(), periods=[TOWN.day(0), TOWN.day(7)], scale=MEAN)
    expected = answers.filter(pl.col("area") == "T000").sort("wave_end")["n"].cum_sum().to_list()[:2]
    assert frame.filter(pl.col("area") == "T000")["n"].to_list() == expected


def test_doubt_grows_from_wave_to_wave_and_signals_lessen_it() -> None:
    _, _, answers, heard = made(3)
    weeks = [TOWN.day(week) for week in (6, 8, 11)]
    alone = nowcast(answers, heard, weighed(), periods=weeks, scale=MEAN).filter(pl.col("area") == "T001")
    led = nowcast(answers, heard, weighed(true=1.0), periods=weeks, scale=MEAN).filter(pl.col("area") == "T001")
    assert alone["standard_error"].is_sorted()
    assert (led["standard_error"] < alone["standard_error"]).all()
    assert (led["share_from_signals"] > 0).all()


@pytest.mark.parametrize("weights", [weighed(), weighed(true=0.0)])
def test_a_signal_without_weight_changes_nothing(weights: pl.DataFrame) -> None:
    _, _, answers, heard = made(4)
    with_rows = nowcast(answers, heard, weights, periods=all_weeks(), scale=MEAN)
    without = nowcast(answers, NO_SIGNALS, weighed(), periods=all_weeks(), scale=MEAN)
    assert with_rows.equals(without)


def test_a_signal_with_a_huge_error_changes_nothing() -> None:
    _, _, answers, heard = made(5)
    vague = heard.with_columns(variance=pl.lit(1e12))
    led = nowcast(answers, vague, weighed(true=1.0), periods=all_weeks(), scale=MEAN)
    assert_same(led, nowcast(answers, NO_SIGNALS, weighed(), periods=all_weeks(), scale=MEAN), tolerance=1e-6)


def test_a_signal_whose_rows_are_gone_is_as_if_it_had_never_been() -> None:
    """Weights of yesterday, rows removed today."""
    rng, levels, answers, heard = made(6)
    second = signal(TOWN, levels, rng, name="second")
    both = nowcast(answers, heard, weighed(true=0.7, second=0.7), periods=all_weeks(), scale=MEAN)
    never = nowcast(answers, heard, weighed(true=0.7), periods=all_weeks(), scale=MEAN)
    assert both.equals(never)
    led = nowcast(answers, pl.concat([heard, second]), weighed(true=0.7, second=0.7), periods=all_weeks(), scale=MEAN)
    assert not led.equals(never)


def test_a_week_in_which_a_signal_is_silent_updates_nothing() -> None:
    """Not heard is not zero: in a week without rows the level only walks."""
    _, _, answers, heard = made(7)
    silent = heard.filter(pl.col("period_end") != TOWN.day(4))
    given = {"weights": weighed(true=1.0), "scale": MEAN, "parameters": PARAMETERS}
    frame = nowcast(answers, silent, periods=[TOWN.day(3), TOWN.day(4)], **given)
    before, after = (frame.filter(pl.col("period_end") == TOWN.day(week)) for week in (3, 4))
    np.testing.assert_allclose(before["value"], after["value"])
    assert (after["standard_error"] > before["standard_error"]).all()


def test_the_past_never_knows_the_future() -> None:
    """With the parameters given, later waves and later signals leave earlier periods as they were."""
    _, _, answers, heard = made(8)
    cut = TOWN.day(13)
    changed = answers.with_columns(value=pl.when(pl.col("wave_end") > cut).then(pl.col("value") + 3).otherwise("value"))
    periods = [day for day in all_weeks() if day <= cut]
    given = {"weights": weighed(), "periods": [*periods, TOWN.day(24)], "scale": MEAN, "parameters": PARAMETERS}
    one, other = (nowcast(rows, heard, **given).filter(pl.col("period_end") <= cut) for rows in (answers, changed))
    assert_same(one, other)


def test_what_comes_after_the_last_period_is_not_looked_at() -> None:
    _, _, answers, heard = made(9)
    cut = TOWN.day(13)
    known = {"weights": weighed(true=0.8), "periods": [cut], "scale": MEAN}
    whole = nowcast(answers, heard, **known)
    until = nowcast(answers.filter(pl.col("wave_end") <= cut), heard.filter(pl.col("period_end") <= cut), **known)
    assert whole.equals(until)


def test_the_order_of_rows_and_the_names_of_areas_do_not_matter() -> None:
    _, _, answers, heard = made(10)
    names = answers["area"].unique().sort().to_list()
    renamed = dict(zip(names, names[::-1], strict=True))
    turned = [
        frame.with_columns(pl.col("area").replace_strict(renamed)).sample(fraction=1, shuffle=True, seed=2)
        for frame in (answers, heard)
    ]
    known = {"weights": weighed(true=0.8), "periods": all_weeks()[::5], "scale": MEAN, "parameters": PARAMETERS}
    one = nowcast(answers, heard, **known)
    other = nowcast(*turned, **known).with_columns(pl.col("area").replace_strict(renamed)).sort("area", "period_end")
    assert_same(one, other)


def test_areas_that_were_never_surveyed_get_the_prior_and_a_larger_error() -> None:
    rng, _, answers, _ = made(11)
    known = rng.normal(size=TOWN.areas)
    effect = pl.DataFrame({"area": TOWN.names, "known": known})
    rows = answers.join(effect, on="area").with_columns(value=pl.col("value") + 2 * pl.col("known"))
    unseen = rows.filter(pl.col("area") != "T009").drop("known")
    frame = nowcast(unseen, NO_SIGNALS, weighed(), periods=[TOWN.day(24)], scale=MEAN, prior=effect)
    missed = frame.row(by_predicate=pl.col("area") == "T009", named=True)
    others = frame.filter(pl.col("area") != "T009")
    line = np.polyval(np.polyfit(known[np.array(TOWN.names) != "T009"], others["value"].to_numpy(), 1), known[9])
    assert missed["value"] == pytest.approx(line, abs=0.2)
    assert missed["standard_error"] > others["standard_error"].max()
    assert (missed["n"], missed["share_from_prior"]) == (0, 1.0)


def test_an_area_asked_for_that_nobody_knows_gets_the_citys_mean() -> None:
    _, _, answers, _ = made(12)
    frame = nowcast(answers, NO_SIGNALS, weighed(), periods=[TOWN.day(24)], scale=MEAN, areas=[*TOWN.names, "Z000"])
    unknown = frame.row(by_predicate=pl.col("area") == "Z000", named=True)
    assert unknown["value"] == pytest.approx(frame["value"].mean(), abs=0.1)
    assert unknown["standard_error"] == pytest.approx(frame["standard_error"].max())


def test_before_the_first_wave_nothing_is_known() -> None:
    _, _, answers, heard = made(13)
    early = TOWN.day(0) - timedelta(days=1)
    frame = nowcast(answers, heard, weighed(true=1.0), periods=[early, TOWN.day(0)], scale=MEAN)
    before = frame.filter(pl.col("period_end") == early)
    assert before["missing_reason"].to_list() == ["not_collected"] * TOWN.areas
    assert before["value"].null_count() == TOWN.areas
    assert frame.filter(pl.col("period_end") == TOWN.day(0))["value"].null_count() == 0
    only = nowcast(answers, heard, weighed(), periods=[early], scale=MEAN)
    assert only["missing_reason"].to_list() == ["not_collected"] * TOWN.areas


def test_signals_of_one_stream_share_one_weight() -> None:
    """The same posts read twice are not two witnesses."""
    _, _, answers, heard = made(14)
    twice = pl.concat([heard, heard.with_columns(signal=pl.lit("again"))])
    weights = weighed(true=1.0, again=1.0)
    streams = weights.with_columns(stream=pl.lit("posts"))
    once, apart, shared = (
        nowcast(answers, twice, given, periods=[TOWN.day(22)], scale=MEAN)["standard_error"].mean()
        for given in (weighed(true=1.0), weights, streams)
    )
    assert apart < shared
    assert shared == pytest.approx(once, rel=0.1)


def test_two_signals_for_one_name_are_refused() -> None:
    _, _, answers, heard = made(15)
    twice = pl.concat([weighed(true=1.0), weighed(true=0.5)])
    with pytest.raises(BadInput, match="more than one"):
        nowcast(answers, heard, twice, periods=[TOWN.day(8)], scale=MEAN)


def test_no_period_is_an_empty_frame() -> None:
    _, _, answers, heard = made(15)
    assert nowcast(answers, heard, weighed(true=1.0), periods=[], scale=MEAN).is_empty()


def test_values_stay_on_their_scale() -> None:
    town = Town(mean=9.8, between=0.6, waves=2, gap_weeks=4)
    _, _, answers, _ = made(16, town)
    frame = nowcast(answers, NO_SIGNALS, weighed(), periods=[town.day(4)], scale=Scale("mean", 0, 10))
    assert frame.select(pl.all_horizontal(pl.col("lower", "value", "upper").is_between(0, 10)).all()).item()


def test_shuffled_signals_with_weight_would_do_harm_which_is_why_they_have_none() -> None:
    rng, _, answers, heard = made(17)
    chance = shuffled(heard, rng, name="chance")
    table = back_test(answers, chance, indicator="trust", scale=MEAN)
    given = nowcast(answers, chance, table, periods=all_weeks(), scale=MEAN)
    assert given.equals(nowcast(answers, NO_SIGNALS, weighed(), periods=all_weeks(), scale=MEAN))


class TestFewAndOdd:
    """Small and broken cities: a number with a wide error, or a clear refusal, never a nonsense."""

    @pytest.mark.parametrize(("areas", "waves"), [(1, 1), (1, 4), (2, 1), (2, 3), (9, 2)])
    def test_any_size_gives_finite_numbers(self, areas: int, waves: int) -> None:
        town = Town(areas=areas, waves=waves, gap_weeks=3)
        _, _, answers, heard = made(1, town)
        table = back_test(answers, heard, indicator="trust", scale=MEAN)
        frame = nowcast(answers, heard, table, periods=all_weeks(town), scale=MEAN)
        assert frame.height == areas * town.weeks
        assert frame.select(pl.all_horizontal(pl.col(NUMBERS).is_finite()).all()).item()
        assert (frame["standard_error"] > 0).all()

    def test_one_area_is_its_own_survey(self) -> None:
        """Nobody to borrow from: the interval holds the direct estimate, and is hardly narrower than its own."""
        town = Town(areas=1, waves=1, respondents=200)
        _, _, answers, _ = made(2, town)
        row = nowcast(answers, NO_SIGNALS, weighed(), periods=[town.day(0)], scale=MEAN).row(0, named=True)
        assert row["value"] == pytest.approx(answers["value"][0], abs=0.05)
        assert row["standard_error"] == pytest.approx(np.sqrt(answers["variance"][0]), rel=0.1)

    def test_areas_that_all_answered_alike_are_alike(self) -> None:
        _, _, answers, _ = made(3)
        alike = answers.with_columns(value=pl.lit(5.0))
        frame = nowcast(alike, NO_SIGNALS, weighed(), periods=[TOWN.day(24)], scale=MEAN)
        np.testing.assert_allclose(frame["value"], 5.0, atol=1e-6)
        assert (frame["standard_error"] > 0).all()

    def test_a_survey_without_any_variance_is_taken_at_its_word(self) -> None:
        _, _, answers, _ = made(4)
        sure = answers.with_columns(variance=pl.lit(0.0))
        frame = nowcast(sure, NO_SIGNALS, weighed(), periods=[TOWN.day(24)], scale=MEAN)
        last = answers.filter(pl.col("wave_end") == TOWN.day(24)).sort("area")
        np.testing.assert_allclose(frame["value"], last["value"], atol=1e-2)

    def test_a_signal_without_any_variance_is_weighed_by_what_it_shows(self) -> None:
        _, _, answers, heard = made(5)
        sure = heard.with_columns(variance=pl.lit(0.0))
        frame = nowcast(answers, sure, weighed(true=1.0), periods=[TOWN.day(24)], scale=MEAN)
        stated = nowcast(answers, heard, weighed(true=1.0), periods=[TOWN.day(24)], scale=MEAN)
        np.testing.assert_allclose(frame["value"], stated["value"], atol=0.3)

    def test_a_signal_that_never_changes_tells_nothing(self) -> None:
        _, _, answers, heard = made(6)
        flat = heard.with_columns(value=pl.lit(1.0))
        led = nowcast(answers, flat, weighed(true=1.0), periods=[TOWN.day(24)], scale=MEAN)
        assert_same(led, nowcast(answers, NO_SIGNALS, weighed(), periods=[TOWN.day(24)], scale=MEAN), tolerance=1e-6)

    def test_waves_in_which_some_areas_were_not_asked(self) -> None:
        """Every area was in some wave; what it missed widens its error."""
        _, _, answers, _ = made(7)
        is_odd = pl.col("area").str.slice(1).cast(pl.Int64) % 2 == 1
        is_last = pl.col("wave_end") == TOWN.day(24)
        partly = answers.filter(~(is_odd & is_last))
        frame = nowcast(partly, NO_SIGNALS, weighed(), periods=[TOWN.day(24)], scale=MEAN)
        missed, asked = (frame.filter(one)["standard_error"].median() for one in (is_odd, ~is_odd))
        assert missed is not None
        assert asked is not None
        assert missed > 1.2 * asked  # type: ignore[operator]


class TestUnits:
    """A change of unit changes the unit of the answer, and nothing else."""

    def both(self, factor: float, shift: float) -> tuple[pl.DataFrame, pl.DataFrame]:
        _, _, answers, heard = made(8)
        turned = answers.with_columns(value=pl.col("value") * factor + shift, variance=pl.col("variance") * factor**2)
        known = {"weights": weighed(true=0.6), "periods": [TOWN.day(10), TOWN.day(22)], "scale": MEAN}
        return nowcast(answers, heard, **known), nowcast(turned, heard, **known)

    @pytest.mark.parametrize(("factor", "shift"), [(10.0, 0.0), (0.1, 0.0), (1.0, 3.0), (25.0, -60.0)])
    def test_of_the_survey(self, factor: float, shift: float) -> None:
        plain, turned = self.both(factor, shift)
        for name in ("value", "lower", "upper"):
            np.testing.assert_allclose(turned[name], plain[name] * factor + shift, rtol=2e-3, atol=2e-3 * factor)
        np.testing.assert_allclose(turned["standard_error"], plain["standard_error"] * factor, rtol=1e-2)
        np.testing.assert_allclose(turned["effective_n"], plain["effective_n"], rtol=2e-2)

    @pytest.mark.parametrize(("factor", "shift"), [(100.0, 0.0), (-1.0, 5.0), (0.01, -2.0)])
    def test_of_a_signal(self, factor: float, shift: float) -> None:
        _, _, answers, heard = made(9)
        turned = heard.with_columns(value=pl.col("value") * factor + shift, variance=pl.col("variance") * factor**2)
        known = {"weights": weighed(true=0.6), "periods": [TOWN.day(10), TOWN.day(22)], "scale": MEAN}
        assert_same(nowcast(answers, heard, **known), nowcast(answers, turned, **known), tolerance=1e-6)

    def test_shares_and_their_complements_mirror_each_other(self) -> None:
        """Trust and distrust are one question."""
        rng = np.random.default_rng(10)
        town, scale = Town(mean=-0.4, between=0.3, weekly=0.04, citywide=0.02, waves=3), Scale("share", 0, 1)
        answers = survey(town, truth(town, rng), rng, is_share=True)
        opposite = answers.with_columns(value=1 - pl.col("value"))
        one, other = (
            nowcast(rows, NO_SIGNALS, weighed(), periods=[town.day(16)], scale=scale) for rows in (answers, opposite)
        )
        np.testing.assert_allclose(one["value"], 1 - other["value"], atol=1e-6)
        np.testing.assert_allclose(one["lower"], 1 - other["upper"], atol=1e-6)
