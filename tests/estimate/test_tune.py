"""What-if on a night's own data: it moves what it should, says so, and touches nothing that was made."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from barometer.errors import BadConfiguration, BadInput
from barometer.estimate.run import estimate
from barometer.estimate.tune import newest_night, what_if
from barometer.night import Night
from tests.estimate.fielded import fielded_night
from tests.towns import a_night


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    made = fielded_night(tmp_path_factory.mktemp("night"))
    estimate(made)
    return made


def settings(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "what_if.yaml"
    file.write_text(text, "utf-8")
    return file


def test_the_same_settings_move_nothing(night: Night, tmp_path: Path) -> None:
    found = what_if(night, settings(tmp_path, "thresholds: {reliability: 0.7}\n"))
    assert found.changes == ()
    assert found.moves.filter(pl.col("change").fill_null(0.0) != 0).is_empty()
    assert set(found.moves["movement"]) <= {"stays", "missing"}
    assert found.lines()[0] == "Nothing was changed."


def test_a_higher_minimum_takes_figures_away_and_says_whose(night: Night, tmp_path: Path) -> None:
    found = what_if(night, settings(tmp_path, "indicators: {practitioner_trust: {minimum_n: 50}}\n"))
    gone = found.moves.filter(pl.col("movement") == "vanishes")
    assert set(gone["indicator"]) == {"practitioner_trust"}
    assert any("no value any more (too_few)" in line for line in found.lines())
    assert found.lines()[0] == "Changed: indicators.practitioner_trust.minimum_n: 3 → 50."


def test_nothing_that_was_made_is_touched(night: Night, tmp_path: Path) -> None:
    before = {table: night.lake.read(table).collect() for table in ("estimates", "coverage", "skill", "ledger")}
    versions = night.lake.versions()
    what_if(night, settings(tmp_path, "thresholds: {reliability: 0.9}\n"))
    assert night.lake.versions() == versions
    assert all(night.lake.read(table).collect().equals(rows) for table, rows in before.items())


def test_a_citys_threshold_moves_its_figures(night: Night, tmp_path: Path) -> None:
    found = what_if(night, settings(tmp_path, "thresholds: {meng_defect_correlation: 0.2}\n"))
    moved = found.moves.filter(pl.col("movement").is_in(["rises", "falls", "vanishes", "appears"]))
    said = found.moves.filter(pl.col("indicator").str.starts_with("posts_"))
    assert set(moved["indicator"]) <= set(said["indicator"]) | {"rumour_share", "correction_share"}
    assert (said["effective_n_if"] <= said["effective_n"]).all()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("indicators: {trust_of_cats: {minimum_n: 5}}\n", "trust_of_cats"),
        ("thresholds: {relaibility: 0.5}\n", "relaibility"),
        ("thresholds: {reliability: seven}\n", "reliability"),
        ("", "must hold settings to change"),
        ("{", "cannot be read"),
    ],
)
def test_a_setting_that_is_not_there_is_refused_by_name(night: Night, tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadConfiguration, match=words):
        what_if(night, settings(tmp_path, text))


def test_a_night_without_estimates_says_what_to_do_first(tmp_path: Path) -> None:
    empty = a_night(tmp_path)
    with pytest.raises(BadInput, match="run `barometer estimate` first"):
        what_if(empty, settings(tmp_path, "thresholds: {reliability: 0.8}\n"))
    with pytest.raises(BadInput, match="run a night first"):
        newest_night(empty)


def test_the_newest_night_is_found(night: Night) -> None:
    assert newest_night(night).night == night.night
    assert night.night > date(2020, 1, 1)
