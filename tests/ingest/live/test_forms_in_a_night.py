"""A form and a list of service requests as live sources of a night: settled, taken back, accounted for."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from barometer.city import SourceConfig
from barometer.errors import NotPermitted
from barometer.ingest.removals import apply_removals
from barometer.ingest.run import ingest_source
from barometer.ledger import Counts
from barometer.night import Night
from barometer.settings import Settings
from tests.ingest.live.form_servers import CODEBOOK, SECRET, Form, a_person, kobo_answering
from tests.ingest.live.stand_in import Asked, Reply, StandIn, stand_in
from tests.ingest.tables.desk import OpenDoor
from tests.towns import a_night, a_source

DAY = date(2026, 5, 9)


def pulse(server: StandIn) -> SourceConfig:
    return a_source(
        id="pulse",
        signal="answers",
        kind="live",
        path="",
        service="kobo",
        format="kobo",
        connection="kobo_of_testville",
        options={"codebook": "survey.yaml", "server": server.url, "form": "aForm1", "allow_http": True},
    )


def night_of(folder: Path, server: StandIn, day: date = DAY) -> Night:
    night = a_night(folder, day, pulse(server))
    (night.city.folder / "codebooks").mkdir(parents=True, exist_ok=True)
    (night.city.folder / "codebooks" / "survey.yaml").write_text(yaml.safe_dump(CODEBOOK), "utf-8")
    settings = Settings(home=folder / "home", allow_hosts=server.host)
    return Night(city=night.city, lake=night.lake, settings=settings, night=day)


def take_in(night: Night) -> Counts:
    counts = ingest_source(night, night.city.sources[0], OpenDoor())
    assert counts.is_balanced
    return counts


def held(night: Night, name: str) -> pl.DataFrame:
    return night.lake.read(name).collect()


def everything(night: Night) -> str:
    """All that any data file of the lake says, live or not."""
    files = Path(night.settings.lake).rglob("*.parquet")
    return "".join(pl.read_parquet(file, hive_partitioning=False).write_json() for file in files)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROMETER_SECRET_KOBO_OF_TESTVILLE_TOKEN", SECRET)


@pytest.mark.usefixtures("secrets")
def test_two_nights_of_a_form(tmp_path: Path) -> None:
    form = Form()
    first, second = form.submit(**a_person("p1", police=2)), form.submit(**a_person("p2", police=5))

    def answer(asked: Asked) -> Reply:
        return kobo_answering(form, base=lambda: server.url)(asked)

    with stand_in(answer) as server:
        night = night_of(tmp_path, server)
        assert take_in(night).written == 2
        assert OpenDoor().pseudonym("record", "pulse:1/p2") in everything(night)
        form.edit(first, police="9")
        form.delete(second)
        later = night_of(tmp_path, server, DAY + timedelta(days=1))
        counts = take_in(later)
        apply_removals(later)
    assert (counts.written, counts.removed) == (1, 1)
    assert held(later, "answers")["value"].to_list() == [9.0]
    assert held(later, "respondents").height == 1
    gone, kept = (OpenDoor().pseudonym("record", f"pulse:1/{person}") for person in ("p2", "p1"))
    assert kept in everything(later)
    assert gone not in everything(later)
    assert SECRET not in everything(later)


def test_without_its_secret_a_source_says_which_is_missing(tmp_path: Path) -> None:
    with stand_in(kobo_answering(Form(), base=lambda: "")) as server:
        with pytest.raises(NotPermitted, match="BAROMETER_SECRET_KOBO_OF_TESTVILLE_TOKEN"):
            take_in(night_of(tmp_path, server))
        assert server.asked == []
