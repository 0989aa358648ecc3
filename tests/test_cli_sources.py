"""`barometer sources`: an operator is walked through, told how things stand, and no secret is asked for or written."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from barometer import cli
from barometer.city import load_city
from barometer.errors import NotPermitted, ServiceUnavailable, SourceFailed
from barometer.ingest.live.connector import Call
from barometer.ingest.live.services import CONNECTORS
from barometer.night import open_night
from barometer.settings import PROJECT
from tests.ingest.helpers import a_post
from tests.ingest.live.fakes import TOKEN, Scripted

runner = CliRunner()
CITY = "sample"


@pytest.fixture
def configs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Configs of this test's own, whose sample city has no file yet; the forum is a known service."""
    for name in (CITY, "bradford"):
        shutil.copytree(PROJECT / "configs" / "cities" / name, tmp_path / "configs" / "cities" / name)
    for path in (PROJECT / "configs").iterdir():
        if path.name != "cities":
            (tmp_path / "configs" / path.name).symlink_to(path)
    monkeypatch.setenv("BAROMETER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("BAROMETER_CONFIGS", str(tmp_path / "configs"))
    monkeypatch.setitem(CONNECTORS, "forum", Scripted(secrets=(TOKEN,)))
    return tmp_path / "configs"


def add(*answers: str) -> str:
    done = runner.invoke(cli.app, ["sources", "add", "--city", CITY], input="\n".join(answers) + "\n")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output


class TestAdding:
    def test_asks_step_by_step_and_writes_the_entry(self, configs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BAROMETER_SECRET_TOWN_FORUM_TOKEN", "s3cret-token")
        told = add("nobody", "forum", "town_forum", "town_forum", "", "news")
        source = load_city(CITY, configs).sources[-1]
        assert (source.id, source.service, source.connection) == ("town_forum", "forum", "town_forum")
        assert source.options == {"board": "news"}
        assert source.is_synthetic
        assert "There is no such service" in told
        assert "Invented terms" in told
        assert "which board to read" in told
        assert "the forum answers" in told
        assert "s3cret-token" not in told + (configs / "cities" / CITY / "city.yaml").read_text("utf-8")

    def test_says_which_secret_is_missing_and_writes_nothing_unless_told_to(self, configs: Path) -> None:
        before = (configs / "cities" / CITY / "city.yaml").read_bytes()
        told = add("forum", "town_forum", "", "", "", "n")
        assert "set BAROMETER_SECRET_FORUM_TOKEN" in told
        assert (configs / "cities" / CITY / "city.yaml").read_bytes() == before

    def test_writes_it_where_the_operator_insists(self, configs: Path) -> None:
        add("forum", "town_forum", "", "", "", "y")
        assert load_city(CITY, configs).sources[-1].id == "town_forum"

    def test_asks_again_after_a_wrong_answer(self, configs: Path) -> None:
        taken = load_city(CITY, configs).sources[0].id
        told = add("forum", taken, "town_forum", "", "", "[a, list]", "town_forum", "", "", "news", "y")
        assert f"There is a source {taken} already" in told
        assert "option board" in told
        assert load_city(CITY, configs).sources[-1].options == {"board": "news"}


class TestChecking:
    def test_says_how_every_source_stands_and_ends_with_2_where_one_needs_a_person(self, configs: Path) -> None:
        done = runner.invoke(cli.app, ["sources", "check", "--city", CITY, "--offline"])
        sources = load_city(CITY, configs).sources
        assert done.exit_code == 2
        assert all(f"{source.id} (" in done.output for source in sources)
        assert f"0 of {len(sources)} sources are well, {len(sources)} need you" in done.output

    def test_ends_well_where_all_is_well(self, configs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("BAROMETER_SECRET_FORUM_TOKEN", "s3cret-token")
        add("forum", "town_forum", "", "", "")
        done = runner.invoke(cli.app, ["sources", "check", "--city", CITY, "--source", "town_forum"])
        assert done.exit_code == 0
        assert "1 of 1 sources are well, 0 need you" in done.output

    def test_knows_no_other_source(self, configs: Path) -> None:
        done = runner.invoke(cli.app, ["sources", "check", "--city", CITY, "--source", "nobody"])
        assert done.exit_code != 0

    @pytest.mark.parametrize(
        ("failure", "words"),
        [(NotPermitted("who are you", status="401"), "permitted"), (ServiceUnavailable("no answer"), "reachable")],
    )
    def test_tells_not_permitted_from_not_reachable(
        self, configs: Path, monkeypatch: pytest.MonkeyPatch, failure: SourceFailed, words: str
    ) -> None:
        def fail(self: Scripted, call: Call) -> str:
            raise failure

        monkeypatch.setenv("BAROMETER_SECRET_FORUM_TOKEN", "s3cret-token")
        monkeypatch.setattr(Scripted, "probe", fail)
        add("forum", "town_forum", "", "", "", "y")
        done = runner.invoke(cli.app, ["sources", "check", "--city", CITY, "--source", "town_forum"])
        assert done.exit_code == 2
        assert f"  {words:<11} no: " in done.output


def test_services_are_listed_with_what_they_need_and_their_terms(configs: Path) -> None:
    told = runner.invoke(cli.app, ["sources", "list"]).output
    assert "forum: The forum, brings posts" in told
    assert "needs token: made in the forum's settings" in told
    assert "terms: Invented terms" in told


def test_cities_lists_a_wrong_live_entry_with_the_other_mistakes(configs: Path) -> None:
    file = configs / "cities" / CITY / "city.yaml"
    entry = "\n  - {id: odd, signal: posts, kind: live, service: nobody_knows, format: jsonl, is_synthetic: true}\n"
    file.write_text(file.read_text("utf-8").rstrip() + entry, "utf-8")
    done = runner.invoke(cli.app, ["cities"])
    assert done.exit_code == cli.EXIT_PERSON_CAN_MEND
    assert "bradford: Bradford" in done.output


class TestIngestByHand:
    """One source that fails is said, and the others are read all the same."""

    @pytest.fixture
    def two_sources(self, configs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """The sample city with nothing but a forum that is down and one that answers."""
        entry = "  - {{id: {0}, signal: posts, kind: live, service: {0}, format: jsonl, is_synthetic: true}}\n"
        file = configs / "cities" / CITY / "city.yaml"
        head = file.read_text("utf-8").partition("\nsources:\n")[0]
        file.write_text(f"{head}\nsources:\n{entry.format('down')}{entry.format('up')}", "utf-8")
        pages = [[a_post("1", text="Lovely day in Shipley", lang="en")]]
        monkeypatch.setitem(CONNECTORS, "down", Scripted(pages, gives=[0], service="down"))
        monkeypatch.setitem(CONNECTORS, "up", Scripted(pages, service="up"))

    def test_and_the_command_ends_with_2(self, two_sources: None) -> None:
        arguments = ["ingest", "--city", CITY, "--night", "2026-05-09"]
        assert runner.invoke(cli.app, arguments).exit_code == cli.EXIT_PERSON_CAN_MEND
        night = open_night(CITY, date(2026, 5, 9))
        read = night.lake.read("ledger").collect().sort("part")
        assert read.select("part", "written").rows() == [("down", 0), ("up", 1)]
        assert runner.invoke(cli.app, arguments).exit_code == 0
