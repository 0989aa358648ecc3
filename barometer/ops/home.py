"""Airflow's home on this machine: its secrets, made once and kept to this user, and its configuration as variables.

Airflow reads `AIRFLOW__SECTION__OPTION`; no `airflow.cfg` is edited, so the settings below are all there is.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from barometer.settings import PROJECT, Settings

ADMIN_USER = "admin"
_ANSWERING_ROLE = "user"
_SECRET_BYTES = 48

# The scheduler's own defaults suit thousands of tasks; one city's night is a score of short ones in a row.
_EMBEDDED = {
    "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__CORE__PARALLELISM": "4",
    "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "5",
    "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
    "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "60",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
    "AIRFLOW__API__HOST": "127.0.0.1",
    "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
}
# Nothing of a run is told to anyone, and a library's chatter at import does not bury a task's own words.
QUIET = {
    "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING py.warnings=ERROR",
    "GX_ANALYTICS_ENABLED": "False",
    "SCARF_ANALYTICS": "false",
    "DO_NOT_TRACK": "1",
}

# How long a writer of the one database file waits for another.
SQLITE_WAIT_S = 60


@dataclass(frozen=True)
class Secrets:
    """What signs sessions and task tokens, what encrypts stored connections, and the users' passwords."""

    fernet_key: str
    jwt_secret: str
    api_secret: str
    passwords: dict[str, str]


@dataclass(frozen=True)
class AirflowHome:
    """One Airflow on this machine: its folder, its port on 127.0.0.1, and the variables it is configured with.

    `cities` limits the DAGs to those cities (empty: all); `approvers` are user names that may answer for a release
    beside the administrator (the stand-in only where synthetic data is shown); `overrides` win over all defaults.
    """

    settings: Settings
    port: int
    cities: Sequence[str] = ()
    is_scheduled: bool = True
    approvers: Sequence[str] = ()
    overrides: Mapping[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where Airflow keeps its database, its logs and its secrets."""
        return self.settings.home.resolve() / "airflow"

    @property
    def logs(self) -> Path:
        """One log a component, and the tasks' logs below it."""
        return self.folder / "logs"

    @property
    def url(self) -> str:
        """Address of the user interface and the API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def passwords_file(self) -> Path:
        """Passwords of Airflow's simple authentication, as it reads them."""
        return self.folder / "passwords.json"

    def secrets(self) -> Secrets:
        """The home's secrets; made on first use, readable by this user only. Only this home's users can log in."""
        path = self.folder / "secrets.json"
        self.folder.mkdir(parents=True, exist_ok=True)
        kept = _read_secrets(path) if path.exists() else new_secrets()
        for user in self.roles:
            kept.passwords.setdefault(user, secrets.token_urlsafe(12))
        _write_private(path, asdict(kept))
        _write_private(self.passwords_file, {user: kept.passwords[user] for user in self.roles})
        return kept

    @property
    def roles(self) -> dict[str, str]:
        """Role of every user that can log in."""
        return {ADMIN_USER: "admin", **dict.fromkeys(self.approvers, _ANSWERING_ROLE)}

    def environment(self) -> dict[str, str]:
        """Every variable a component and its tasks are started with."""
        return {
            **os.environ,
            **_barometer_variables(self.settings),
            **_EMBEDDED,
            **QUIET,
            **self._place(),
            **self._access(),
            **self._cities(),
            **self.overrides,
        }

    def _place(self) -> dict[str, str]:
        return {
            "AIRFLOW_HOME": str(self.folder),
            "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.logs),
            # Scheduler, API and commands write one file; the usual five seconds are too short a wait on a busy machine.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.folder / 'airflow.db'}?timeout={SQLITE_WAIT_S}",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONPATH": str(PROJECT),
        }

    def _access(self) -> dict[str, str]:
        kept = self.secrets()
        return {
            "AIRFLOW__CORE__FERNET_KEY": kept.fernet_key,
            "AIRFLOW__API_AUTH__JWT_SECRET": kept.jwt_secret,
            "AIRFLOW__API__SECRET_KEY": kept.api_secret,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in self.roles.items()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.passwords_file),
        }

    def _cities(self) -> dict[str, str]:
        return {"BAROMETER_CITIES": ",".join(self.cities), "BAROMETER_SCHEDULE": "on" if self.is_scheduled else "off"}


def _barometer_variables(settings: Settings) -> dict[str, str]:
    """The settings as the variables they are read from, so that every task has the caller's, with absolute paths."""
    values = settings.model_dump()
    return {f"BAROMETER_{name.upper()}": _absolute(name, value) for name, value in values.items() if value}


def _absolute(name: str, value: object) -> str:
    """Folders with their whole path; a lake in an object store, and what is no folder, as it is."""
    is_folder = isinstance(value, Path) or (name == "lake" and "://" not in str(value))
    return str(Path(str(value)).resolve()) if is_folder else str(value)


def new_secrets() -> Secrets:
    """Fresh secrets, without any password yet."""
    return Secrets(
        fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        jwt_secret=secrets.token_urlsafe(_SECRET_BYTES),
        api_secret=secrets.token_urlsafe(_SECRET_BYTES),
        passwords={},
    )


def _read_secrets(path: Path) -> Secrets:
    return Secrets(**json.loads(path.read_text(encoding="utf-8")))


def _write_private(path: Path, content: object) -> None:
    """Write JSON that only this user can read: the file is made with that mode, never narrowed afterwards."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file)
