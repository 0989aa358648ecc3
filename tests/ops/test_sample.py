"""`make run`, apart from Airflow itself, which tests/integration starts for real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import pytest

from barometer.ops import sample
from barometer.ops.api import TaskState
from barometer.ops.approval import STAND_IN_USER
from barometer.ops.follow import NightFailed, Run
from barometer.ops.home import AirflowHome
from barometer.ops.sample import CITY, run_sample, sample_home, sample_nights
from barometer.settings import Settings

HISTORY, LATEST = sample_nights(2026)


class StandInForAirflow:
    """Runs nothing: a night ends at once as the test wants it, and publishes a page when it ends well."""

    def __init__(self, home: AirflowHome, state: str, publishes: bool) -> None:
        self.home, self.state, self.publishes = home, state, publishes
        self.nights: list[date] = []
        self.answers: list[tuple[str, str]] = []
        self.user = "admin"
        self.admin = self

    def check(self) -> None:
        """Every part is running."""

    def wait_for_dag(self, dag_id: str, **_: object) -> None:
        """The DAG is there."""

    def forget_nights(self, city_id: str) -> None:
        """There were none."""

    def as_user(self, user: str) -> StandInForAirflow:
        self.user = user
        return self

    def start_night(self, city_id: str, night: date) -> Run:
        self.nights.append(night)
        return Run(f"nightly_{city_id}", f"{night}")

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        return [TaskState("estimate", -1, self.state, 1.0, 1)]

    def open_questions(self, dag_id: str, run_id: str) -> list[str]:
        return ["approve"] if len(self.answers) < len(self.nights) else []

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> str:
        self.answers.append((self.user, option))
        return self.user

    def run_state(self, dag_id: str, run_id: str) -> str:
        if self.state == "success" and len(self.answers) < len(self.nights):
            return "running"
        if self.publishes:
            page = self.home.settings.releases / CITY / f"{run_id}-1" / "index.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text("a page", encoding="utf-8")
        return self.state


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr("barometer.ops.follow.POLL_SECONDS", 0.0)
    return Settings(home=tmp_path / "home")


@pytest.fixture
def delivered(monkeypatch: pytest.MonkeyPatch) -> list[date]:
    """Days up to which raw files were written, in order."""
    days: list[date] = []
    monkeypatch.setattr(sample, "simulate", lambda city, settings, *, seed, through: days.append(through))
    return days


def put_in_place(
    monkeypatch: pytest.MonkeyPatch, state: str = "success", publishes: bool = True
) -> list[StandInForAirflow]:
    started: list[StandInForAirflow] = []

    @contextmanager
    def airflow(home: AirflowHome) -> Iterator[StandInForAirflow]:
        started.append(StandInForAirflow(home, state, publishes))
        yield started[0]

    monkeypatch.setattr(sample, "airflow", airflow)
    return started


def test_the_first_night_takes_in_the_history_and_the_second_only_what_is_new(
    settings: Settings, delivered: list[date], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = put_in_place(monkeypatch)
    release = run_sample(settings, lambda line: None)
    assert timedelta(days=1) == LATEST - HISTORY
    assert delivered == started[0].nights == [HISTORY, LATEST]
    assert release == settings.releases / CITY / f"{LATEST}-1"


def test_questions_are_answered_as_the_stand_in_and_the_reader_is_told(
    settings: Settings, delivered: list[date], monkeypatch: pytest.MonkeyPatch
) -> None:
    started = put_in_place(monkeypatch)
    lines: list[str] = []
    run_sample(settings, lines.append)
    assert started[0].answers == [(STAND_IN_USER, "Approve")] * 2
    assert len([line for line in lines if "stand-in, not a person" in line]) == 2


def test_a_failed_night_ends_the_run_with_the_night_and_the_task(
    settings: Settings, delivered: list[date], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(monkeypatch, state="failed")
    with pytest.raises(NightFailed, match=f"night of {HISTORY}: task estimate failed"):
        run_sample(settings, lambda line: None)
    assert delivered == [HISTORY]


def test_two_good_nights_without_a_release_are_no_success(
    settings: Settings, delivered: list[date], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(monkeypatch, publishes=False)
    with pytest.raises(NightFailed, match="no release below"):
        run_sample(settings, lambda line: None)


def test_what_an_earlier_run_left_of_the_sample_goes_and_another_citys_stays(
    settings: Settings, delivered: list[date], monkeypatch: pytest.MonkeyPatch
) -> None:
    put_in_place(monkeypatch)
    old, others = (settings.releases / city / "2020-01-01-1" / "index.html" for city in (CITY, "bradford"))
    for page in (old, others):
        page.parent.mkdir(parents=True)
        page.write_text("old", encoding="utf-8")
        page.chmod(0o400)
        page.parent.chmod(0o500)
    run_sample(settings, lambda line: None)
    assert not old.exists()
    assert others.read_text("utf-8") == "old"


def test_the_stand_in_can_log_in_for_the_sample_and_nights_start_by_hand_only(settings: Settings) -> None:
    home = sample_home(settings)
    assert home.roles[STAND_IN_USER] == "user"
    assert list(home.cities) == [CITY]
    assert not home.is_scheduled


def test_elsewhere_the_stand_in_cannot_log_in(settings: Settings) -> None:
    assert STAND_IN_USER not in AirflowHome(settings, 1).roles
