"""The mapped ingest task: a source that fails is left out with its reason, and the night goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from types import ModuleType

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from barometer import errors
from barometer.city import SourceConfig
from barometer.ingest import run
from barometer.ingest.live.services import CONNECTORS
from barometer.lake import Lake
from barometer.night import Night
from barometer.ops.airflow import RETRIES
from barometer.prepare import privacy
from barometer.settings import Settings
from tests.dags.test_dags import DAGS, load
from tests.ingest.helpers import NIGHT, PlainDoor, a_night, a_post, a_source, table, write_lines
from tests.ingest.live.fakes import Scripted, a_live_source

LAST_TRY = RETRIES["retries"] + 1
PAGES = [[a_post("1")], [a_post("2")]]


@dataclass
class Instance:
    """What the task asks Airflow about itself."""

    try_number: int = 1
    max_tries: int = RETRIES["retries"]


@dataclass
class Nightly:
    """The DAG file's functions, run without Airflow for one night of the square town."""

    module: ModuleType
    night: Night
    instance: Instance

    def ingest(self, source_id: str, try_number: int = 1) -> str:
        """How the task of one source ends: its state in Airflow's words."""
        self.instance.try_number = try_number
        try:
            self.module.ingest(source_id)
        except AirflowSkipException as skipped:
            return f"skipped: {skipped}"
        except Exception as error:
            return f"raised {type(error).__name__}"
        return "success"


SOURCES: tuple[SourceConfig, ...] = (
    a_source(id="files"),
    a_live_source("down", id="down"),
    a_live_source("closed", id="closed"),
    a_live_source("up", id="up"),
    a_live_source("nobody_knows", id="mistaken"),
    a_source("papyrus", id="papyrus"),
    a_live_source("faulty", id="faulty"),
)


@pytest.fixture
def nightly(monkeypatch: pytest.MonkeyPatch, lake: Lake, settings_here: Settings) -> Nightly:
    module = load(DAGS / "nightly.py")
    night, instance = a_night(lake, settings_here, NIGHT, SOURCES), Instance()
    write_lines(settings_here.inbox / "testville/posts/a.jsonl", a_post("9"))
    monkeypatch.setattr(module, "the_night", lambda: night)
    monkeypatch.setattr(module, "get_current_context", lambda: {"ti": instance})
    monkeypatch.setattr(privacy, "city_door", lambda city, settings: PlainDoor())
    refused = errors.NotPermitted("answered 401", status="401")
    for name, connector in {
        "down": Scripted(PAGES, gives=[1, 0, 0, 0], service="down"),
        "closed": Scripted(PAGES, gives=[0], failure=refused, service="closed"),
        "up": Scripted(PAGES, service="up"),
        "faulty": Scripted(PAGES, gives=[0], failure=KeyError("posts"), service="faulty"),  # type: ignore[arg-type]
    }.items():
        monkeypatch.setitem(CONNECTORS, name, connector)
    return Nightly(module, night, instance)


def test_a_service_that_may_come_back_is_left_to_airflow_s_next_try(nightly: Nightly) -> None:
    ends = [nightly.ingest("down", number) for number in range(1, LAST_TRY + 1)]
    assert ends[:-1] == ["raised ServiceUnavailable"] * (LAST_TRY - 1)
    assert ends[-1] == "skipped: the night goes on without down: source down: broke off"


@pytest.mark.parametrize(
    ("source", "reason"),
    [("closed", "answered 401"), ("mistaken", "is unknown"), ("papyrus", "'papyrus' of posts is unknown")],
)
def test_what_only_a_person_can_mend_is_left_out_at_once(nightly: Nightly, source: str, reason: str) -> None:
    end = nightly.ingest(source)
    assert end.startswith(f"skipped: the night goes on without {source}: ")
    assert reason in end


def test_a_fault_in_the_code_fails_the_task(nightly: Nightly) -> None:
    assert nightly.ingest("faulty", LAST_TRY) == "raised KeyError"


def test_records_lost_fail_the_task(nightly: Nightly, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object) -> None:
        raise errors.LedgerUnbalanced("records were lost")

    monkeypatch.setattr(run, "ingest_source", lose)
    assert nightly.ingest("files", LAST_TRY) == "raised LedgerUnbalanced"


def test_the_others_are_read_as_if_nothing_had_failed(nightly: Nightly) -> None:
    ends = {source.id: nightly.ingest(source.id, LAST_TRY) for source in SOURCES}
    assert {name for name, end in ends.items() if end == "success"} == {"files", "up"}
    read = dict(table(nightly.night, "ledger").select("part", "written").iter_rows())
    assert read == {"files": 1, "up": 2, "down": 1, "closed": 0}
    posts = table(nightly.night, "received_posts")
    assert sorted(posts["source"]) == ["down", "files", "up", "up"]


def test_what_failed_is_where_the_report_looks(nightly: Nightly) -> None:
    for source in SOURCES:
        nightly.ingest(source.id, LAST_TRY)
    marks = {row["source"]: row["cursor"] for row in table(nightly.night, "cursors").iter_rows(named=True)}
    assert '"failure": "source closed: answered 401"' in marks["closed"]
    assert '"done": false' in marks["down"]
    assert '"done": true' in marks["up"]
    assert not {"mistaken", "papyrus", "faulty"} & set(marks)


def test_the_next_night_takes_in_what_was_missed(nightly: Nightly, monkeypatch: pytest.MonkeyPatch) -> None:
    nightly.ingest("closed")
    later = a_night(nightly.night.lake, nightly.night.settings, date(2026, 5, 10), SOURCES)
    monkeypatch.setattr(nightly.module, "the_night", lambda: later)
    assert nightly.ingest("closed") == "success"
    assert table(later, "received_posts").height == 2
