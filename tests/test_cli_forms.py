"""`barometer forms …` by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from barometer.cli import app
from barometer.errors import BarometerError
from barometer.ingest.tables.codebook import load_codebook
from barometer.settings import PROJECT

FORMS = PROJECT / "configs" / "forms"


def run(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, ["forms", *arguments])
    if isinstance(found.exception, BarometerError):
        raise found.exception
    return found.exit_code, found.output


def test_the_forms_are_built_with_a_citys_neighbourhoods(tmp_path: Path) -> None:
    code, told = run("build", "--output", str(tmp_path), "--city", "bradford", "--language", "Polski (pl)")
    assert code == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "residents_pulse.xlsx",
        "practitioner_report.xlsx",
        "neighbourhoods.csv",
    }
    assert "30 questions" in told


def test_our_own_forms_pass_the_check() -> None:
    assert "agree" in run("check", str(FORMS / "residents_pulse.xlsx"))[1]
    assert "agree" in run("check", str(FORMS / "practitioner_report.xlsx"), "--reports")[1]


def test_a_codebook_made_from_a_form_is_one_and_passes_its_check(tmp_path: Path) -> None:
    made = tmp_path / "made.yaml"
    assert run("codebook", str(FORMS / "residents_pulse.xlsx"), "--output", str(made))[0] == 0
    assert load_codebook(made).respondent == "respondent_id"
    assert "agree" in run("check", str(FORMS / "residents_pulse.xlsx"), "--codebook", str(made))[1]


def test_a_codebook_is_printed_where_no_file_is_named() -> None:
    assert yaml.safe_load(run("codebook", str(FORMS / "residents_pulse.xlsx"))[1])["wave"] == {"column": "wave"}


def test_a_disagreement_is_counted_and_fails(tmp_path: Path) -> None:
    codebook = yaml.safe_load((PROJECT / "configs" / "codebooks" / "residents_pulse.yaml").read_text("utf-8"))
    codebook["items"]["trust_police"]["column"] = "trust_in_police"
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(codebook), "utf-8")
    with pytest.raises(BarometerError, match="2 differences"):
        run("check", str(FORMS / "residents_pulse.xlsx"), "--codebook", str(tmp_path / "other.yaml"))


def test_the_codebook_goes_by_the_forms_name(tmp_path: Path) -> None:
    shutil.copy(FORMS / "residents_pulse.xlsx", tmp_path / "nobody_knows.xlsx")
    with pytest.raises(BarometerError, match="codebook nobody_knows"):
        run("check", str(tmp_path / "nobody_knows.xlsx"))
