"""Which signals earn weight: chance never does beyond its stated rate, a true one does."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

from barometer.errors import BadInput
from barometer.estimate.signals.back_tests import SKILL_SCHEMA, back_test
from barometer.estimate.signals.nowcasts import nowcast
from barometer.estimate.signals.panel import SIGNAL_SCHEMA
from barometer.estimate.signals.scale import Scale
from tests.estimate.signals.cities import Town, shuffled, signal, survey, truth

MEAN = Scale()
NO_SIGNALS = pl.DataFrame(schema=SIGNAL_SCHEMA)
TOWN = Town(areas=63, waves=5, gap_weeks=6, weekly=0.08)
FALSE_ADMISSION_RATE = 0.025
"""Of signals that have nothing to do with trust, no more may be given weight: one tail of a 95 % interval."""


def back_tested(town: Town, seed: int, nulls: int = 0) -> tuple[pl.DataFrame, ...]:
    """Survey, signals (a true one and shuffled ones) and their skill table."""
    rng = np.random.default_rng(seed)
    levels = truth(town, rng)
    made = survey(town, levels, rng)
    own = signal(town, levels, rng, name="true")
    signals = pl.concat([own, *[shuffled(own, rng, name=f"chance{number:03d}") for number in range(nulls)]])
    return made, signals, back_test(made, signals, indicator="trust", scale=MEAN)


def of(table: pl.DataFrame, name: str) -> dict[str, object]:
    return table.row(by_predicate=pl.col("signal") == name, named=True)


def test_shuffled_signals_get_no_weight_beyond_the_stated_rate() -> None:
    """1,200 signals of 12 cities, each a good signal whose areas were given one another's values."""
    admitted, tried = 0, 0
    for seed in range(12):
        _, _, table = back_tested(Town(areas=40, waves=4, gap_weeks=4, weekly=0.1), seed, nulls=100)
        chance = table.filter(pl.col("signal") != "true")
        admitted += chance.filter(pl.col("weight") > 0).height
        tried += chance.height
    assert tried == 1200
    assert admitted / tried <= FALSE_ADMISSION_RATE


def test_noise_gets_no_weight_beyond_the_stated_rate() -> None:
    """Signals without anything lasting: 300 of pure noise."""
    rng = np.random.default_rng(99)
    town = Town(areas=40, waves=4, gap_weeks=4)
    rows = [
        signal(town, truth(town, rng), rng, name=f"noise{number:03d}", slope=0.0, lasting=0.0) for number in range(300)
    ]
    levels = truth(town, rng)
    table = back_test(survey(town, levels, rng), pl.concat(rows), indicator="trust", scale=MEAN)
    assert (table["weight"] > 0).mean() <= FALSE_ADMISSION_RATE


def test_a_truly_predictive_signal_gets_weight() -> None:
    rows = [of(back_tested(TOWN, seed)[2], "true") for seed in range(8)]
    assert np.mean([row["weight"] > 0 for row in rows]) >= 0.8
    assert np.mean([row["skill"] for row in rows]) > 0.25


def test_a_signal_that_goes_against_trust_is_as_good() -> None:
    rng = np.random.default_rng(1)
    levels = truth(TOWN, rng)
    made, rows = survey(TOWN, levels, rng), signal(TOWN, levels, rng, name="true")
    turned = rows.with_columns(value=-3 * pl.col("value"), variance=9 * pl.col("variance"))
    one, other = (of(back_test(made, given, indicator="trust", scale=MEAN), "true") for given in (rows, turned))
    assert other["skill"] == pytest.approx(one["skill"], rel=1e-6)
    assert other["weight"] == pytest.approx(one["weight"], rel=1e-6)


def test_the_table_says_what_it_rests_on() -> None:
    _, _, table = back_tested(TOWN, 2, nulls=2)
    assert table.schema == pl.Schema(SKILL_SCHEMA)
    assert table["signal"].to_list() == ["chance000", "chance001", "true"]
    row = of(table, "true")
    assert (row["indicator"], row["n_origins"], row["n_areas"]) == ("trust", TOWN.waves - 1, TOWN.areas)
    assert row["lower"] <= row["skill"] <= row["upper"]
    assert row["rmse_with"] < row["rmse_without"]


def test_verdicts_are_in_words() -> None:
    _, _, table = back_tested(TOWN, 2, nulls=2)
    for row in table.iter_rows(named=True):
        assert row["verdict"].startswith("weight" if row["weight"] > 0 else "no weight")


def test_the_order_of_rows_and_the_names_of_areas_do_not_matter() -> None:
    made, signals, table = back_tested(TOWN, 3, nulls=1)
    names = made["area"].unique().sort()
    renamed = dict(zip(names, reversed(names.to_list()), strict=True))
    turned = [
        frame.with_columns(pl.col("area").replace_strict(renamed)).sample(fraction=1, shuffle=True, seed=1)
        for frame in (made, signals)
    ]
    other = back_test(*turned, indicator="trust", scale=MEAN)
    for name in ("skill", "lower", "weight"):
        np.testing.assert_allclose(other[name], table[name], atol=1e-4)


def test_running_again_gives_the_same_table() -> None:
    made, signals, table = back_tested(TOWN, 3, nulls=1)
    assert back_test(made, signals, indicator="trust", scale=MEAN).equals(table)


def test_other_signals_change_nothing_in_a_signals_own_skill() -> None:
    made, signals, table = back_tested(TOWN, 4, nulls=3)
    alone = back_test(made, signals.filter(pl.col("signal") == "true"), indicator="trust", scale=MEAN)
    for name in ("skill", "lower", "upper", "weight"):
        assert of(alone, "true")[name] == pytest.approx(of(table, "true")[name], rel=1e-9)


def test_what_comes_after_the_last_wave_changes_nothing() -> None:
    made, signals, table = back_tested(TOWN, 5)
    last = made["wave_end"].max()
    assert last is not None
    later = signals.filter(pl.col("period_end") == last).with_columns(
        period_end=pl.lit(last + timedelta(days=7)), value=pl.col("value") * -5
    )
    assert back_test(made, pl.concat([signals, later]), indicator="trust", scale=MEAN).equals(table)


def test_a_prediction_knows_nothing_of_its_own_wave() -> None:
    """Only the last wave's scores change when the last wave's answers do: a survey of two waves less tells as much."""
    made, signals, _ = back_tested(TOWN, 6)
    waves = made["wave_end"].unique().sort().to_list()
    cut = made.filter(pl.col("wave_end") < waves[-1])
    changed = made.with_columns(
        value=pl.when(pl.col("wave_end") == waves[-1]).then(pl.col("value") * 0.5).otherwise("value")
    ).filter(pl.col("wave_end") < waves[-1])
    one, other = (back_test(rows, signals, indicator="trust", scale=MEAN) for rows in (cut, changed))
    assert one.equals(other)


def test_a_signal_with_a_huge_error_has_no_skill() -> None:
    made, signals, _ = back_tested(TOWN, 7)
    vague = signals.with_columns(variance=pl.lit(1e9))
    row = of(back_test(made, vague, indicator="trust", scale=MEAN), "true")
    assert row["skill"] == pytest.approx(0, abs=1e-6)
    assert row["weight"] == 0


@pytest.mark.parametrize("waves", [1, 2])
def test_too_few_waves_are_no_trial(waves: int) -> None:
    _, _, table = back_tested(Town(waves=waves, gap_weeks=8), 8)
    row = of(table, "true")
    assert row["weight"] == 0
    assert row["n_origins"] == waves - 1
    assert "too few to judge" in str(row["verdict"])


def test_a_signal_heard_in_few_neighbourhoods_is_no_trial() -> None:
    made, signals, _ = back_tested(TOWN, 9)
    few = signals.filter(pl.col("area") < "T005")
    row = of(back_test(made, few, indicator="trust", scale=MEAN), "true")
    assert (row["n_areas"], row["weight"]) == (5, 0)


def test_no_signal_is_an_empty_table() -> None:
    made, signals, _ = back_tested(TOWN, 10)
    assert back_test(made, signals.clear(), indicator="trust", scale=MEAN).is_empty()


def test_shares_are_worked_on_as_logits() -> None:
    rng = np.random.default_rng(3)
    town = Town(waves=6, gap_weeks=8, mean=-0.4, between=0.3, weekly=0.05, citywide=0.02, respondents=40)
    levels = truth(town, rng)
    rows = signal(town, levels, rng, name="true", noise=0.2, lasting=0.1)
    table = back_test(survey(town, levels, rng, is_share=True), rows, indicator="trust", scale=Scale("share", 0, 1))
    assert of(table, "true")["weight"] > 0


def test_broken_frames_are_refused() -> None:
    made, signals, _ = back_tested(TOWN, 11)
    with pytest.raises(BadInput, match="columns variance are missing"):
        back_test(made.drop("variance"), signals, indicator="trust", scale=MEAN)


def test_a_signal_that_only_repeats_a_covariate_earns_nothing_beside_it() -> None:
    """What the prior knows already is no news: the same signal has skill without it, and none with it."""
    skills = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        town = Town(areas=63, waves=3, gap_weeks=6, between=0.1)
        known = rng.normal(0, 0.6, town.areas)
        levels = truth(town, rng) + known
        made = survey(town, levels, rng)
        repeated = signal(town, np.tile(known, (town.weeks, 1)), rng, name="true", lasting=0.05, noise=0.2)
        prior = pl.DataFrame({"area": town.names, "known": known})
        skills.append(
            [
                of(back_test(made, repeated, indicator="trust", scale=MEAN, prior=given), "true")["skill"]
                for given in (None, prior)
            ]
        )
    without, beside = np.mean(skills, axis=0)
    assert without > 0.3
    assert beside < 0.1


def test_a_signal_of_change_alone_earns_weight_when_change_is_what_counts() -> None:
    """No level in it, only movement since the first wave: its lasting bias is learned and taken out."""
    skills = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        town = Town(areas=63, waves=6, gap_weeks=10, weekly=0.15)
        levels = truth(town, rng)
        moved = signal(town, levels - levels[0], rng, name="true", lasting=0.0, noise=0.2)
        made = survey(town, levels, rng)
        skills.append(of(back_test(made, moved, indicator="trust", scale=MEAN), "true")["skill"])
    assert np.mean(skills) > 0.2


def test_skill_is_held_against_the_truth_not_against_its_noisy_measure() -> None:
    """The errors stated, cleared of sampling error, are near the true ones, over cities."""
    stated, true = [], []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        levels = truth(TOWN, rng)
        made, rows = survey(TOWN, levels, rng), signal(TOWN, levels, rng, name="true")
        stated.append(of(back_test(made, rows, indicator="trust", scale=MEAN), "true")["rmse_without"])
        true.append(_true_error_before_waves(made, levels))
    assert np.mean(stated) == pytest.approx(np.mean(true), rel=0.1)


def _true_error_before_waves(made: pl.DataFrame, levels: np.ndarray) -> float:
    """Root mean squared error of the survey carried forward to each wave, against the truth."""
    nothing = pl.DataFrame(schema={"signal": pl.String, "weight": pl.Float64})
    squared = []
    for week in TOWN.wave_weeks[1:]:
        until = made.filter(pl.col("wave_end") < TOWN.day(week))
        frame = nowcast(until, NO_SIGNALS, nothing, periods=[TOWN.day(week)], scale=MEAN)
        squared.append((frame["value"].to_numpy() - levels[week]) ** 2)
    return float(np.sqrt(np.mean(squared)))
