"""A boundary is checked as a whole; a critical failure stops the run in words, a warning does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from barometer.check.run import BOUNDARIES, check
from barometer.errors import CheckFailed
from barometer.night import Night
from tests.check.good import good
from tests.rows import NIGHT
from tests.towns import a_night


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night of Testville whose tables all hold good rows."""
    made = a_night(tmp_path, NIGHT)
    for table in {module.TABLE for modules in BOUNDARIES.values() for module in modules}:
        made.lake.append(table, good(table))
    return made


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_good_tables_pass_and_every_outcome_is_kept(night: Night, boundary: str) -> None:
    found = check(night, boundary)
    kept = night.lake.read("checks").collect()
    assert kept.height == len(found) > 0
    assert kept["is_met"].all()


def test_a_critical_failure_stops_the_run_and_says_what_and_where(night: Night) -> None:
    broken = good("estimates").with_columns(standard_error=pl.lit(-1.0))
    night.lake.replace("estimates", broken, partition={"night": NIGHT})
    with pytest.raises(
        CheckFailed, match=r"stops after estimate: table estimates, rule standard_error_in_range: 5 of 5"
    ):
        check(night, "estimate")
    assert not night.lake.read("checks").collect()["is_met"].all()


def test_a_warning_lets_the_run_go_on(night: Night) -> None:
    night.lake.replace("posts", good("posts").with_columns(language=pl.lit("und")), partition={"night": NIGHT})
    missed = [outcome for outcome in check(night, "prepare") if not outcome.is_met]
    assert [outcome.severity for outcome in missed] == ["warning"]


def test_checking_again_gives_the_same_rows(night: Night) -> None:
    check(night, "ingest")
    before = night.lake.versions()
    check(night, "ingest")
    assert night.lake.versions() == before


def test_rows_of_other_nights_are_not_checked_again(night: Night) -> None:
    other = pl.lit(NIGHT.replace(day=1))
    old = good("counts").with_columns(night=other, record=pl.lit("not a pseudonym"))
    night.lake.append("counts", old)
    assert all(outcome.is_met for outcome in check(night, "ingest"))


def test_an_unknown_boundary_is_refused_with_the_known_ones(night: Night) -> None:
    with pytest.raises(CheckFailed, match="choose one of ingest, prepare, classify, estimate"):
        check(night, "breakfast")


def test_data_docs_are_kept_with_the_run(night: Night) -> None:
    check(night, "classify")
    assert (night.folder / "data_docs" / "classify" / "labels" / "index.html").is_file()


def test_importing_the_checks_after_airflow_is_quiet() -> None:
    code = "import airflow, barometer.check.run"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert "great_expectations" not in done.stdout + done.stderr
