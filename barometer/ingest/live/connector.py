"""What every live service agrees on.

A connector knows how to ask one service and where it stopped; it hands over pages of raw records. What a record means
is the business of a parser (`ingest/posts/`, `ingest/tables/`), the same that reads the service's exports from files.
`reader.py` turns pages into batches; `run.py` settles and writes them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from barometer.ingest.live.web import Web
from barometer.ingest.source import Context

Cursor = dict[str, Any]
"""A service's own bookmark: JSON of numbers, strings, lists and mappings; holds no id of a person and no text."""


@dataclass(frozen=True)
class Page:
    """Some records as the service gave them, and the bookmark after them."""

    records: Sequence[bytes]
    """One JSON document each, as the source's parser reads a line of a file."""
    cursor: Cursor
    has_gap: bool = False
    """The service no longer had everything since the bookmark (a cursor that is too old): said to the operator."""


@dataclass(frozen=True)
class Secret:
    """One credential a service wants. Its value comes from Airflow's connection or the environment, never a file."""

    name: str
    """E.g. token; the environment variable is BAROMETER_SECRET_<CONNECTION>_<NAME>."""
    meaning: str
    """Where an operator gets it, in words."""
    is_needed: bool = True


class Options(BaseModel):
    """A service's options in `city.yaml`; each connector derives its own. Every field has a description."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Call:
    """What a connector is called with."""

    context: Context
    options: Any
    """An instance of the connector's `options`."""
    web: Web
    secrets: Mapping[str, str] = field(repr=False)
    started_at: datetime
    """UTC; nothing later than the smaller of this and `context.horizon` is asked for."""


class Connector(Protocol):
    """One service. Implementations are small frozen objects, listed in `services.py`."""

    @property
    def service(self) -> str:
        """As in `city.yaml`, e.g. bluesky_search."""
        ...

    @property
    def title(self) -> str:
        """As people call it, e.g. Bluesky (search)."""
        ...

    @property
    def signals(self) -> tuple[str, ...]:
        """What it can bring, e.g. posts."""
        ...

    @property
    def format(self) -> str:
        """Name of the parser of its records: (signal, format) is in `run.PARSERS`."""
        ...

    @property
    def options(self) -> type[Options]:
        """What `city.yaml` may say to it."""
        ...

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Credentials it wants."""
        ...

    @property
    def requests_per_second(self) -> float:
        """What the service allows to one client; the HTTP layer keeps to it per host."""
        ...

    @property
    def terms(self) -> str:
        """In one sentence, what the service's terms ask of a city (deletion, attribution), with their address."""
        ...

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        """Everything after `cursor` (None: from as far back as the options say) up to the horizon, then stop.

        The last page may be empty and only move the bookmark. At-least-once: a record may come twice. Raises
        `SourceFailed` in one of its kinds; pages yielded before count and are kept.
        """
        ...

    def probe(self, call: Call) -> str:
        """One cheap request that shows the service is reachable and we are permitted; one line in words.

        Raises `SourceFailed`.
        """
        ...
