"""`as-of` and `explain` on the command line."""

from __future__ import annotations

import sys
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest
from typer.testing import CliRunner

from barometer import cli
from barometer.estimate.explain import rebuild as rebuilding
from barometer.estimate.explain import run as explaining
from barometer.night import Night
from barometer.release import rebuild as protecting
from tests.rows import NIGHT, rows
from tests.test_published import MORNING, a_release

runner = CliRunner()
AS_OF = ["as-of", "2026-05-10", "--city", "sample"]
EXPLAIN = ["explain", "--city", "sample", "--night", "2026-05-09"]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROMETER_HOME", str(tmp_path))


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    """Two releases of the sample city, of one morning and the next."""
    folder = tmp_path / "releases" / "sample"
    a_release(folder, "2026-05-09-1", A=1.0, B=2.0, C=None)
    a_release(folder, "2026-05-10-1", approved=MORNING + timedelta(days=1), A=1.5, B=None, C=3.0)
    return folder


class TestAsOf:
    def test_it_prints_the_bytes_and_names_release_and_approver(self, releases: Path) -> None:
        done = runner.invoke(cli.app, AS_OF)
        assert done.exit_code == 0, done.output
        assert done.stdout_bytes == b"numbers of 2026-05-09-1\n"
        assert "Release 2026-05-09-1, approved by somebody at 2026-05-10T08:00:00+00:00." in done.stderr

    def test_it_lists_what_was_revised_since(self, releases: Path, tmp_path: Path) -> None:
        done = runner.invoke(cli.app, [*AS_OF, "--revisions", str(tmp_path / "revised.csv")])
        assert "2026-05-10-1 changed 1 of its numbers, gave 1 for the first time and no longer gives 1." in done.stderr
        revised = pl.read_csv(tmp_path / "revised.csv").sort("area")
        assert revised["area"].to_list() == ["A", "B", "C"]
        assert revised["release"].unique().to_list() == ["2026-05-10-1"]

    def test_the_newest_was_revised_by_none(self, releases: Path) -> None:
        done = runner.invoke(cli.app, ["as-of", "2026-05-11", "--city", "sample"])
        assert done.stdout_bytes == b"numbers of 2026-05-10-1\n"
        assert "No later release changed any of its numbers." in done.stderr

    def test_it_writes_a_file_when_asked(self, releases: Path, tmp_path: Path) -> None:
        done = runner.invoke(cli.app, [*AS_OF, "--output", str(tmp_path / "then.csv")])
        assert done.stdout_bytes == b""
        assert (tmp_path / "then.csv").read_bytes() == b"numbers of 2026-05-09-1\n"

    def test_an_altered_release_is_one_line(
        self, releases: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (releases / "2026-05-09-1" / "estimates.csv").write_text("better numbers", "utf-8")
        assert "is not what was published" in refused(monkeypatch, capsys, *AS_OF)

    def test_a_day_before_the_first_release_is_one_line(
        self, releases: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        told = refused(monkeypatch, capsys, "as-of", "2026-05-01", "--city", "sample")
        assert "the first release was approved on 2026-05-10" in told

    def test_a_lake_that_does_not_reach_back_cannot_rebuild(
        self, releases: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert "does not reach back to 2026-05-09-1" in refused(monkeypatch, capsys, *AS_OF, "--rebuild")

    @pytest.mark.parametrize("again", [b"numbers of 2026-05-09-1\n", b"other numbers\n"])
    def test_a_rebuild_says_whether_it_is_identical(
        self, releases: Path, monkeypatch: pytest.MonkeyPatch, again: bytes
    ) -> None:
        made = SimpleNamespace(night=None, rows=None, settings=SimpleNamespace(indicators=None))
        monkeypatch.setattr(rebuilding, "rebuild", lambda *_: made)
        monkeypatch.setattr(protecting, "rebuilt_csv", lambda *_: again)
        done = runner.invoke(cli.app, [*AS_OF, "--rebuild"])
        assert done.stdout_bytes == b"numbers of 2026-05-09-1\n"
        if again.startswith(b"numbers"):
            assert "identical, byte for byte" in done.stderr
        else:
            assert "about 1 rows of 2026-05-09-1 come out otherwise" in str(done.exception)


class TestExplain:
    def test_without_an_earlier_release_there_is_nothing_to_explain(self) -> None:
        done = runner.invoke(cli.app, EXPLAIN)
        assert (done.exit_code, done.output.startswith("Nothing to explain")) == (0, True)

    def test_the_largest_changes_of_an_indicator_come_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def written(night: Night, **_: object) -> None:
            made = [
                {"area": f"A{k}", "indicator": "trust_police", "change": float(k), "words": f"A{k} rose by {k}."}
                | {
                    "factor": "new_data",
                    "is_within_noise": k < 2,
                    "since": "2026-05-01-1",
                    "period_start": date(2026, 5, 1),
                }
                for k in range(1, 5)
            ]
            night.lake.replace("explanations", rows("explanations", *made), partition={"night": NIGHT})

        monkeypatch.setattr(explaining, "explain", written)
        done = runner.invoke(cli.app, [*EXPLAIN, "--most", "2"])
        lines = done.stdout.strip().splitlines()
        assert lines[0] == "Trust in the police (0 to 10): 4 changes, 1 of them within noise"
        assert lines[1:] == [f"  2026-05-01 to 2026-05-09: A{k} rose by {k}." for k in (4, 3)]
        assert "Compared with release 2026-05-01-1." in done.stderr
        assert len(runner.invoke(cli.app, [*EXPLAIN, "--most", "0"]).stdout.strip().splitlines()) == 5


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the program as installed says when a person has to mend something."""
    monkeypatch.setattr(sys, "argv", ["barometer", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == cli.EXIT_PERSON_CAN_MEND
    told = capsys.readouterr().err
    assert "Traceback" not in told
    return " ".join(told.split())
