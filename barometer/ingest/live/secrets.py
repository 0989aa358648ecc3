"""Where a service's credentials come from, and how they are kept out of every log, table, message and repr.

From the environment (`BAROMETER_SECRET_<CONNECTION>_<NAME>`) first; inside a task also from the Airflow connection of
that name: its password, its login, or a field of its extra. Never from a file of the city.
"""

from __future__ import annotations

import base64
import itertools
import json
import logging
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, quote_plus

from barometer.city import SourceConfig
from barometer.errors import NotPermitted
from barometer.ingest.live.connector import Connector, Secret

VARIABLE = "BAROMETER_SECRET_{connection}_{name}"
HIDDEN = "***"
# A shorter value would be found in ordinary words; no service gives one out.
_LEAST_LENGTH = 4
_LOGIN_NAMES = ("login", "user", "username", "client_id", "account", "email")


class Secrets(Mapping[str, str]):
    """Name -> value, which only looking up gives away."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"


def connection_of(source: SourceConfig) -> str:
    """Name of a live source's connection: its own, else its service's."""
    return source.connection or source.service


def variable(source: SourceConfig, name: str) -> str:
    """The environment variable of one secret."""
    return VARIABLE.format(connection=connection_of(source).upper(), name=name.upper())


def find_secrets(connector: Connector, source: SourceConfig) -> Secrets:
    """All secrets the service wants that are set. Raises `NotPermitted`, naming each needed one that is not."""
    found = Secrets({one.name: value for one in connector.secrets if (value := _find(one, source, connector))})
    missing = [one for one in connector.secrets if one.is_needed and one.name not in found]
    if missing:
        raise NotPermitted(
            f"source {source.id}: {connector.title} needs {'; '.join(_how_to_set(one, source) for one in missing)}",
            status="unset",
        )
    return found


def missing_secrets(connector: Connector, source: SourceConfig) -> list[Secret]:
    """Secrets that are not set, the optional ones too."""
    return [one for one in connector.secrets if not _find(one, source, connector)]


def _how_to_set(secret: Secret, source: SourceConfig) -> str:
    return (
        f"its {secret.name} ({secret.meaning}): set {variable(source, secret.name)}, "
        f"or the Airflow connection {connection_of(source)}"
    )


def _find(secret: Secret, source: SourceConfig, connector: Connector) -> str:
    own = os.environ.get(variable(source, secret.name), "").strip()
    return own or _from_airflow(secret.name, connection_of(source), is_only=len(connector.secrets) == 1)


def _from_airflow(name: str, connection: str, *, is_only: bool) -> str:
    """The secret from Airflow, when this runs inside one of its tasks; else nothing."""
    if "airflow.sdk" not in sys.modules or not _is_in_a_task():
        return ""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowException, AirflowRuntimeError

    try:
        return _value(BaseHook.get_connection(connection), name, is_only=is_only)
    except (AirflowException, AirflowRuntimeError):
        return ""


def _is_in_a_task() -> bool:
    from airflow.sdk import get_current_context

    try:
        get_current_context()
    except RuntimeError:
        return False
    return True


def _value(connection: Any, name: str, *, is_only: bool) -> str:
    """Which field of an Airflow connection a secret is: one of its extra, its login, or else its password."""
    extra = connection.extra_dejson
    if extra.get(name):
        return str(extra[name])
    if name in _LOGIN_NAMES and not is_only:
        return str(connection.login or "")
    return str(connection.password or "")


_kept: set[str] = set()


def clean(text: str) -> str:
    """The text without any secret that is in use."""
    for value in sorted(_kept, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text


@contextmanager
def in_use(secrets: Mapping[str, str]) -> Iterator[None]:
    """While a service is asked with `secrets`, no log line of any library holds one, and no exception leaves with one.

    The values stay known as secrets afterwards: a traceback may be written later.
    """
    _kept.update(_forms(secrets.values()))
    _clean_all_logs()
    _tell_airflow(secrets.values())
    try:
        yield
    except BaseException as error:
        _clean_chain(error)
        raise


def _forms(values: Iterable[str]) -> set[str]:
    """Every form a secret takes on its way: as it is, in a URL, in JSON, in a Basic header."""
    long = [value for value in values if len(value) >= _LEAST_LENGTH]
    pairs = {base64.b64encode(f"{a}:{b}".encode()).decode() for a, b in itertools.permutations(long, 2)}
    written = ({one, quote(one), quote(one, safe=""), quote_plus(one), json.dumps(one)[1:-1]} for one in long)
    return pairs.union(*written)


def _tell_airflow(values: Iterable[str]) -> None:
    if "airflow.sdk.log" in sys.modules:
        from airflow.sdk.log import mask_secret

        for value in values:
            mask_secret(value)


def _clean_chain(error: BaseException | None) -> None:
    """Take secrets out of what an exception, and those behind it, would print."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        error.args = tuple(clean(one) if isinstance(one, str) else _clean_other(one) for one in error.args)
        error = error.__cause__ or error.__context__


def _clean_other(value: Any) -> Any:
    text = repr(value)
    return value if clean(text) == text else clean(text)


class _CleanRecords:
    """Makes log records as the factory before it did, without secrets."""

    def __init__(self, make: Any) -> None:
        self._make = make

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        record: logging.LogRecord = self._make(*args, **kwargs)
        message = record.getMessage()
        if (cleaned := clean(message)) != message:
            record.msg, record.args = cleaned, ()
        return record


def _clean_all_logs() -> None:
    """From now on every log record of this process is made without secrets."""
    make = logging.getLogRecordFactory()
    if not isinstance(make, _CleanRecords):
        logging.setLogRecordFactory(_CleanRecords(make))
