"""A configured live source, checked and made ready to be asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from barometer.city import SourceConfig
from barometer.errors import BadConfiguration, SourceFailed
from barometer.ingest.live.address import Gate, allowed_hosts
from barometer.ingest.live.budget import FOLDER, Budget
from barometer.ingest.live.client import PoliteWeb
from barometer.ingest.live.connector import Call, Connector, Options
from barometer.ingest.live.fetches import FetchLog
from barometer.ingest.live.secrets import clean, find_secrets, in_use
from barometer.ingest.live.services import CONNECTORS
from barometer.ingest.source import Context
from barometer.settings import Settings

ALLOW_HTTP = "allow_http"
PARSER_OPTIONS = frozenset(
    {
        "codebook",
        "columns",
        "date_formats",
        "earliest",
        "id_space",
        "languages",
        "places",
        "only_approved",
        "platform",
        "scale",
        "series",
        "terms",
        "timezone",
        "window_minutes",
    }
)
"""Options that say how records are read; any source may have them, and its connector may read them too."""


@dataclass(frozen=True)
class Opened:
    """A live source ready to be asked."""

    connector: Connector
    call: Call


def mistakes_of(source: SourceConfig) -> list[str]:
    """What is wrong with a live source's entry in `city.yaml`: one line each, with advice; none for a files source."""
    if source.kind != "live":
        return []
    connector = CONNECTORS.get(source.service)
    where = f"city.yaml, source {source.id}"
    if connector is None:
        known = ", ".join(sorted(CONNECTORS)) or "none"
        return [f"{where}: service {source.service!r} is unknown; use one of {known}"]
    found = []
    if source.signal not in connector.signals:
        found.append(f"{where}: {connector.title} brings no {source.signal}; use {' or '.join(connector.signals)}")
    if source.format != connector.format:
        found.append(f"{where}: format is {source.format!r}; {connector.title} has format: {connector.format}")
    return [*found, *(f"{where}: {one}" for one in _option_mistakes(source, connector))]


def require_sound(source: SourceConfig) -> Connector:
    """The connector of a live source; raises `BadConfiguration` listing every mistake of its entry."""
    if found := mistakes_of(source):
        raise BadConfiguration("\n".join(found))
    return CONNECTORS[source.service]


@contextmanager
def opened(
    source: SourceConfig, context: Context, settings: Settings, *, log: FetchLog | None = None, contact: str = ""
) -> Iterator[Opened]:
    """The source, ready to be asked; no secret of it leaves this block in a log or an exception.

    Raises `BadConfiguration` for a wrong entry, `NotPermitted` where a needed secret is not set.
    """
    connector = require_sound(source)
    secrets = find_secrets(connector, source)
    log = log or FetchLog()
    log.clean = clean
    with in_use(secrets):
        web = PoliteWeb(
            source=source.id,
            service=connector.title,
            requests_per_second=connector.requests_per_second,
            budget=Budget(settings.runs / FOLDER),
            gate=Gate(allowed_hosts(settings.allow_hosts), allows_http=source.options.get(ALLOW_HTTP) is True),
            log=log,
            contact=contact,
        )
        try:
            yield Opened(connector, _call(connector, source, context, web, secrets))
        finally:
            web.close()


def parser_source(source: SourceConfig, connector: Connector) -> SourceConfig:
    """The source as its parser sees it: without the options that are the connector's own."""
    own = {ALLOW_HTTP, *connector.options.model_fields} - PARSER_OPTIONS
    return source.model_copy(update={"options": {k: v for k, v in source.options.items() if k not in own}})


def named(source: SourceConfig, failure: SourceFailed) -> SourceFailed:
    """The failure with the source's name in front, where it is not there yet."""
    if source.id in str(failure):
        return failure
    return type(failure)(f"source {source.id}: {clean(str(failure))}", status=failure.status, code=failure.code)


def _call(
    connector: Connector, source: SourceConfig, context: Context, web: PoliteWeb, secrets: Mapping[str, str]
) -> Call:
    return Call(
        context=replace(context, source=parser_source(source, connector), file=connector.service),
        options=connector.options.model_validate(_own_options(source, connector)),
        web=web,
        secrets=secrets,
        started_at=datetime.now(UTC),
    )


def _own_options(source: SourceConfig, connector: Connector) -> dict[str, Any]:
    return {name: value for name, value in source.options.items() if name in connector.options.model_fields}


def _option_mistakes(source: SourceConfig, connector: Connector) -> Iterator[str]:
    fields = connector.options.model_fields
    for name in sorted(set(source.options) - set(fields) - PARSER_OPTIONS - {ALLOW_HTTP}):
        yield f"option {name} is unknown; use {', '.join([*fields, ALLOW_HTTP])}"
    if not isinstance(source.options.get(ALLOW_HTTP, False), bool):
        yield f"option {ALLOW_HTTP} is neither true nor false; correct it"
    yield from wrong_values(connector.options, _own_options(source, connector))


def wrong_values(options: type[Options], given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the values of a connector's options, one line each; no value is quoted."""
    try:
        options.model_validate(dict(given))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        return [_advice(".".join(map(str, one["loc"])), str(one["msg"])) for one in found]
    return []


def _advice(place: str, problem: str) -> str:
    return f"option {place or 'values'}: {problem.removeprefix('Value error, ')}; correct it"
