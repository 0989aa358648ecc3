"""The command line: what a person can mend is one line, never a traceback."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from barometer import cli
from barometer.settings import PROJECT, Settings
from barometer.tables import to_markdown

runner = CliRunner()


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROMETER_HOME", str(tmp_path))


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit code of the program as installed."""
    monkeypatch.setattr(sys, "argv", ["barometer", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def test_tables_prints_the_page_of_the_tables() -> None:
    assert runner.invoke(cli.app, ["tables"]).output == to_markdown()


def test_cities_lists_every_city_and_says_which_is_synthetic() -> None:
    done = runner.invoke(cli.app, ["cities"])
    assert done.exit_code == 0
    assert "bradford: Bradford, 63 neighbourhoods" in done.output
    assert any(line.startswith("sample:") and line.endswith("synthetic") for line in done.output.splitlines())


def test_cities_refuses_a_broken_folder_and_still_lists_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "configs" / "cities" / "broken").mkdir(parents=True)
    (tmp_path / "configs" / "cities" / "broken" / "city.yaml").write_text("id: other\nname: 3\n", "utf-8")
    monkeypatch.setenv("BAROMETER_CONFIGS", str(tmp_path / "configs"))
    assert runner.invoke(cli.app, ["cities"]).exit_code == cli.EXIT_PERSON_CAN_MEND


def test_an_unknown_city_is_one_line_that_names_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_main(monkeypatch, "ingest", "--city", "atlantis", "--night", "2026-05-09")
    told = capsys.readouterr().err
    assert code == cli.EXIT_PERSON_CAN_MEND
    assert "no city 'atlantis'" in told
    assert "bradford" in told
    assert "Traceback" not in told


def test_an_unknown_source_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    code = run_main(monkeypatch, "ingest", "--city", "sample", "--night", "2026-05-09", "--source", "pigeons")
    assert code == cli.EXIT_PERSON_CAN_MEND
    assert "has no source 'pigeons'" in " ".join(capsys.readouterr().err.split())


def test_a_mistyped_night_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    done = runner.invoke(cli.app, ["ingest", "--city", "sample", "--night", "yesterday"])
    assert done.exit_code == cli.EXIT_PERSON_CAN_MEND
    assert not (tmp_path / "lake").exists()


def test_an_empty_inbox_is_a_calm_night(tmp_path: Path) -> None:
    done = runner.invoke(cli.app, ["ingest", "--city", "sample", "--night", "2026-05-09"])
    assert done.exit_code == 0, done.output
    written = runner.invoke(cli.app, ["report", "--city", "sample", "--night", "2026-05-09"])
    assert "All is well" in Path(written.output.strip()).read_text("utf-8")


def test_simulating_a_real_city_is_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(monkeypatch, "simulate", "--city", "bradford") == cli.EXIT_PERSON_CAN_MEND
    assert "synthetic" in capsys.readouterr().err


class TestWithoutANight:
    """Given nothing estimated yet, commands about a night say what to do first, in one line."""

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (("audit", "export", "--night", "2026-05-09", "--output", "audit.csv"), "nothing to label for sample"),
            (("audit", "import", "--night", "2026-05-09", "nowhere.csv"), "nowhere.csv"),
            (("rumours", "--night", "2026-05-09", "--sheet", "sheet.csv"), "no rumour lives in sample"),
            (("rule", "--night", "2026-05-09", "nowhere.csv"), "nowhere.csv: cannot be read"),
            (("estimate", "--what-if", "nowhere.yaml"), "run a night first"),
            (("estimate",), "--night YYYY-MM-DD"),
        ],
    )
    def test_it_is_one_line(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        arguments: tuple[str, ...],
        words: str,
    ) -> None:
        place = 2 if arguments[0] == "audit" else 1
        code = run_main(monkeypatch, *arguments[:place], "--city", "sample", *arguments[place:])
        told = capsys.readouterr().err
        assert code == cli.EXIT_PERSON_CAN_MEND
        assert words in " ".join(told.split())
        assert "Traceback" not in told

    def test_there_are_no_rumours(self) -> None:
        done = runner.invoke(cli.app, ["rumours", "--city", "sample", "--night", "2026-05-09"])
        assert (done.exit_code, done.output) == (0, "")

    def test_without_a_sentence_encoder_it_says_how_claims_are_matched(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BAROMETER_MODELS", str(tmp_path / "models"))
        done = runner.invoke(cli.app, ["rumours", "--city", "sample", "--night", "2026-05-09"])
        assert (done.exit_code, done.stdout) == (0, "")
        assert "claims are matched by words alone" in " ".join(done.stderr.split())

    def test_nobody_has_labelled_so_nobody_agrees(self) -> None:
        done = runner.invoke(cli.app, ["audit", "agreement", "--city", "sample", "--night", "2026-05-09"])
        assert done.exit_code == 0
        assert done.output.count("0 posts labelled twice or more") == 4

    def test_label_studios_configuration_is_printed(self) -> None:
        done = runner.invoke(cli.app, ["audit", "config"])
        assert done.exit_code == 0
        assert "<View>" in done.output


def test_a_broken_decision_about_rumours_is_found_with_the_city(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = tmp_path / "configs"
    shutil.copytree(PROJECT / "configs", configs)
    (configs / "cities" / "sample" / "rumours.csv").write_text(
        "rumour,decision,value,since,note\naa,status,settled,2026-05-09,\n", "utf-8"
    )
    monkeypatch.setenv("BAROMETER_CONFIGS", str(configs))
    done = runner.invoke(cli.app, ["cities"])
    assert done.exit_code == cli.EXIT_PERSON_CAN_MEND
    assert "bradford: Bradford" in done.output


def test_a_broken_decision_taken_in_at_the_desk_is_found_with_the_city(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Settings().decisions / "sample"
    desk.mkdir(parents=True)
    (desk / "rumours.csv").write_text("rumour,decision,value,since,note\naa,title,ask @someone,2026-05-09,\n", "utf-8")
    done = runner.invoke(cli.app, ["cities"])
    assert done.exit_code == cli.EXIT_PERSON_CAN_MEND
    assert "a handle, an address or a long number" in " ".join(done.stderr.split())
