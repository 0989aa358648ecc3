import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from barometer.errors import BadConfiguration, BarometerError
from barometer.ops import processes
from barometer.ops.home import AirflowHome
from barometer.ops.processes import Component, ComponentStopped, free_port, is_alive, last_line, running, start, stop
from barometer.settings import PROJECT, Settings

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]
IGNORES_REQUESTS = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)",
]
HAS_A_CHILD = [
    sys.executable,
    "-c",
    "import subprocess, sys, time;"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], start_new_session=True);"
    "print(child.pid, flush=True); time.sleep(60)",
]


def started(folder: Path, command: list[str], name: str = "part") -> Component:
    return start(name, command, {}, folder)


def printed(component: Component) -> str:
    for _ in range(100):
        if text := component.log.read_text("utf-8").strip():
            return text
        time.sleep(0.1)
    raise AssertionError(f"{component.name} printed nothing")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AirflowHome:
    """A home whose components are small sleepers, and whose database needs no making."""
    monkeypatch.setattr(processes, "migrate", lambda home: None)
    monkeypatch.setattr(processes, "airflow_command", lambda *arguments: [sys.executable, *arguments])
    return AirflowHome(Settings(home=tmp_path), 1)


SLEEPER = {"sleeper": ("-c", "import time; time.sleep(60)")}


def test_a_stopped_component_is_gone(tmp_path: Path) -> None:
    component = started(tmp_path, SLEEPS)
    component.check()
    stop([component])
    assert not is_alive(component.process.pid)


def test_a_component_that_will_not_end_is_ended(tmp_path: Path) -> None:
    component = started(tmp_path, IGNORES_REQUESTS)
    printed(component)
    stop([component], wait_seconds=0.5)
    assert not is_alive(component.process.pid)


def test_a_components_children_go_with_it_even_from_a_session_of_their_own(tmp_path: Path) -> None:
    component = started(tmp_path, HAS_A_CHILD)
    child = int(printed(component))
    assert is_alive(child)
    stop([component], wait_seconds=0.5)
    assert not is_alive(child)


def test_a_component_that_ended_by_itself_is_named_with_its_last_words(tmp_path: Path) -> None:
    component = started(
        tmp_path, [sys.executable, "-c", "print('port 8080 is taken'); raise SystemExit(1)"], "scheduler"
    )
    component.process.wait()
    with pytest.raises(
        ComponentStopped, match=r"scheduler stopped: 'port 8080 is taken'; its whole log is .*scheduler.log"
    ):
        component.check()


def test_the_last_line_that_says_anything(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\ntwo\n\n  \n", encoding="utf-8")
    assert last_line(log) == "two"
    log.write_text("", encoding="utf-8")
    assert last_line(log) == "it wrote nothing"


def test_components_last_as_long_as_the_block(home: AirflowHome) -> None:
    with running(home, SLEEPER) as components:
        pids = [component.process.pid for component in components]
        assert all(is_alive(pid) for pid in pids)
    assert not any(is_alive(pid) for pid in pids)


def test_components_are_gone_after_an_error_too(home: AirflowHome) -> None:
    pids: list[int] = []

    def fails() -> None:
        with running(home, SLEEPER) as components:
            pids.extend(component.process.pid for component in components)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert pids
    assert not any(is_alive(pid) for pid in pids)


@pytest.mark.parametrize("request_to_end", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_components_are_gone_after_a_request_to_end(home: AirflowHome, request_to_end: signal.Signals) -> None:
    pids: list[int] = []

    def is_asked_to_end() -> None:
        with running(home, SLEEPER) as components:
            pids.extend(component.process.pid for component in components)
            signal.raise_signal(request_to_end)

    with pytest.raises(KeyboardInterrupt):
        is_asked_to_end()
    assert pids
    assert not any(is_alive(pid) for pid in pids)


def test_signals_mean_afterwards_what_they_meant_before(home: AirflowHome) -> None:
    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)]
    with running(home, SLEEPER):
        assert signal.getsignal(signal.SIGTERM) is not before[0]
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)] == before


def test_a_second_airflow_in_the_same_home_is_told_so(home: AirflowHome) -> None:
    with (
        running(home, SLEEPER),
        pytest.raises(BadConfiguration, match="already running in"),
        running(AirflowHome(home.settings, 2), SLEEPER),
    ):
        raise AssertionError("the second one started")


def test_a_home_can_be_used_again_after_it_was_left(home: AirflowHome) -> None:
    for _ in range(2):
        with running(home, SLEEPER):
            pass


def test_a_database_that_cannot_be_made_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        processes, "airflow_command", lambda *_: [sys.executable, "-c", "print('disk full'); raise SystemExit(1)"]
    )
    with pytest.raises(BarometerError, match=r"could not be made: 'disk full'; the whole log is .*migrate.log"):
        processes.migrate(AirflowHome(Settings(home=tmp_path), 1))


def test_a_free_port_can_be_listened_on() -> None:
    assert 1024 < free_port() < 65536


def test_airflows_command_is_that_of_this_python() -> None:
    version = subprocess.run(
        processes.airflow_command("version"), capture_output=True, text=True, cwd=PROJECT, check=True
    )
    assert version.stdout.strip().splitlines()[-1].startswith("3.")
