"""What was asked of live services, row by row, for the table `fetches`: no text, no value of a parameter, no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
import polars as pl

from barometer.ingest.live.address import host_and_port, port_of
from barometer.tables import TABLES

SENT_STATUSES = ("timeout", "refused", "truncated", "too_large", "unsafe_address", "closed", "resting", "unset")
"""Instead of an HTTP status: what became of a request that got none, or whose answer was of no use."""
_USUAL_PORTS = (80, 443)


@dataclass
class Fetch:
    """One request; columns as in `fetches`."""

    number: int
    request: str
    status: str = ""
    tries: int = 0
    records: int = 0
    bytes: int = 0
    cursor: str | None = None


@dataclass
class FetchLog:
    """The requests of one source's night, numbered on from `after`, the number of the last one of an earlier try."""

    after: int = 0
    clean: Callable[[str], str] = str
    """Takes secrets out of a text."""
    rows: list[Fetch] = field(default_factory=list)

    def begin(self, method: str, url: httpx.URL, names: Iterable[str]) -> Fetch:
        """Enter a request before it is sent."""
        request = self.clean(described(method, url, names))
        fetch = Fetch(number=self.after + len(self.rows) + 1, request=request)
        self.rows.append(fetch)
        return fetch

    def failed_before(self, service: str, status: str) -> None:
        """Enter that a service could not even be asked."""
        if not self.rows:
            row = Fetch(number=self.after + 1, request=f"ASK {service}", status=status or "refused")
            self.rows.append(row)

    def note(self, records: int, cursor: Any) -> None:
        """Enter what the last request brought."""
        if self.rows:
            self.rows[-1].records += records
            self.rows[-1].cursor = self.clean(json.dumps(cursor, sort_keys=True, default=str))

    def frame(self) -> pl.DataFrame:
        """The rows as of `fetches`, without night and source."""
        schema = {name: dtype for name, dtype in TABLES["fetches"].schema.items() if name not in ("night", "source")}
        return pl.DataFrame([vars(row) for row in self.rows], schema=schema)


def described(method: str, url: httpx.URL, names: Iterable[str]) -> str:
    """Method, host and path of a request, and the names of its parameters."""
    host = url.host if port_of(url) in _USUAL_PORTS else host_and_port(url)
    path = url.raw_path.decode("ascii").partition("?")[0].replace("=", "%3D").replace("&", "%26")
    given = ", ".join(dict.fromkeys(_plain(name) for name in (*url.params.keys(), *names)))
    return f"{method} {host}{path}" + (f" ({given})" if given else "")


def _plain(name: str) -> str:
    return re.sub(r"[?=&()\s]+", " ", name).strip()
