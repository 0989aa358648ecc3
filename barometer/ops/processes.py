"""Start and stop Airflow's components as child processes; whatever happens, none is left behind."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psutil

from barometer.errors import BadConfiguration, BarometerError
from barometer.ops.home import AirflowHome

# Long enough for idle parts; a task that is cut off here is run again and gives the same rows.
STOP_WAIT_SECONDS = 8
Handler = Callable[[int, FrameType | None], None] | signal.Handlers

# Airflow's tasks wait for a person without a triggerer (state `awaiting_input`), so `make run` does without one.
ESSENTIAL: Mapping[str, Sequence[str]] = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
}
COMPLETE: Mapping[str, Sequence[str]] = {**ESSENTIAL, "triggerer": ("triggerer", "--skip-serve-logs")}


class ComponentStopped(BarometerError):
    """A component of Airflow ended by itself; the message names it, its last line and its log."""


@dataclass(frozen=True)
class Component:
    """A running part of Airflow and the file its output goes to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    def check(self) -> None:
        """Raise `ComponentStopped` when the component is no longer running."""
        if self.process.poll() is not None:
            raise ComponentStopped(
                f"Airflow's {self.name} stopped: {last_line(self.log)!r}; its whole log is {self.log}"
            )


def last_line(path: Path) -> str:
    """The last line of a log that says anything."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "it wrote nothing")


def airflow_command(*arguments: str) -> list[str]:
    """Airflow's command line of the Python that runs this, whatever is first on the path."""
    return [sys.executable, "-m", "airflow", *arguments]


def free_port() -> int:
    """A port on 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def migrate(home: AirflowHome) -> None:
    """Make or bring up to date Airflow's own database."""
    log = home.logs / "migrate.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(
            airflow_command("db", "migrate"), env=home.environment(), stdout=output, stderr=output, check=False
        )
    if done.returncode:
        raise BarometerError(f"Airflow's database could not be made: {last_line(log)!r}; the whole log is {log}")


@contextmanager
def running(home: AirflowHome, commands: Mapping[str, Sequence[str]] = ESSENTIAL) -> Iterator[tuple[Component, ...]]:
    """Airflow's components for as long as the block lasts; on leaving, however it is left, all of them are gone."""
    with _alone_in(home), _heard(_interrupt, signal.SIGTERM, signal.SIGHUP):
        migrate(home)
        started: list[Component] = []
        try:
            for name, arguments in commands.items():
                started.append(start(name, airflow_command(*arguments), home.environment(), home.logs))
            yield tuple(started)
        finally:
            with _heard(signal.SIG_IGN):
                stop(started)


def start(name: str, command: Sequence[str], environment: Mapping[str, str], logs: Path) -> Component:
    """Start one process in a session of its own, so that Ctrl-C reaches only the caller, who then stops it in order."""
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    return Component(name=name, process=process, log=log)


def stop(components: Sequence[Component], *, wait_seconds: float = STOP_WAIT_SECONDS) -> None:
    """Ask every component to end, then end it and all its descendants."""
    families = [member for component in components for member in _family(component.process.pid)]
    for component in components:
        component.process.terminate()
    _, stubborn = psutil.wait_procs(families, timeout=wait_seconds)
    for process in stubborn:
        _kill(process)
    psutil.wait_procs(stubborn, timeout=wait_seconds)
    for component in components:
        component.process.wait()


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


@contextmanager
def _alone_in(home: AirflowHome) -> Iterator[None]:
    """Two schedulers on one SQLite file corrupt each other's view; the second one is told so."""
    home.folder.mkdir(parents=True, exist_ok=True)
    with (home.folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BadConfiguration(
                f"Airflow is already running in {home.folder} (make up? make run?): stop it first"
            ) from error
        yield


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Let `kill` and a closed terminal unwind like Ctrl-C, so that the components are stopped then too."""
    raise KeyboardInterrupt


@contextmanager
def _heard(handler: Handler, *signals: signal.Signals) -> Iterator[None]:
    """Treat these signals (all that ask to end, if none is named) so for as long as the block lasts."""
    asked = signals or (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handler) for number in asked}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def is_alive(pid: int) -> bool:
    """Whether a process with this id exists and is not a zombie."""
    try:
        os.kill(pid, 0)
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except (ProcessLookupError, psutil.NoSuchProcess):
        return False
