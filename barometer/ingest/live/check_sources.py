"""Source by source, what is configured, reachable, permitted and missing, in words for an operator."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NoReturn

import polars as pl

from barometer.city import SourceConfig
from barometer.errors import BadConfiguration, NotPermitted, ServiceUnavailable, SourceFailed
from barometer.ingest.finish import STEP
from barometer.ingest.live.address import UNSAFE
from barometer.ingest.live.connector import Connector, Secret
from barometer.ingest.live.opening import mistakes_of, named, opened
from barometer.ingest.live.secrets import connection_of, missing_secrets, variable
from barometer.ingest.live.services import CONNECTORS
from barometer.ingest.run import context_of, files_of, require_parser
from barometer.night import Night

_MOST_NAMED = 3


class ClosedDoor:
    """The door of a check: nothing personal is read, so nothing may pass."""

    def pseudonym(self, kind: str, value: str) -> str:
        self._refuse()

    def mask(self, texts: Sequence[str]) -> list[str]:
        self._refuse()

    def mask_record(self, record: str) -> str:
        self._refuse()

    def seal(self, post: str, platform_id: str) -> str:
        self._refuse()

    def unseal(self, post: str, sealed_id: str) -> str:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise AssertionError("a check of sources reads no record")


@dataclass
class SourceState:
    """How one source stands: `lines` are pairs of a heading and words."""

    source: str
    title: str
    lines: list[tuple[str, str]] = field(default_factory=list)
    needs_person: bool = False

    def say(self, heading: str, words: str, *, is_bad: bool = False) -> None:
        """Add one line; a bad one needs a person."""
        self.lines.append((heading, words))
        self.needs_person |= is_bad

    @property
    def text(self) -> str:
        """All of it, one heading a line."""
        mark = "needs you" if self.needs_person else "well"
        lines = [f"  {heading:<11} {words}" for heading, words in self.lines]
        return "\n".join([f"{self.source} ({self.title}): {mark}", *lines])


def check_source(night: Night, source: SourceConfig, *, is_asked: bool = True) -> SourceState:
    """How `source` stands. `is_asked=False` sends nothing to anybody."""
    state = _live(night, source, is_asked) if source.kind == "live" else _files(night, source)
    _say_last_night(night, source, state)
    return state


def _files(night: Night, source: SourceConfig) -> SourceState:
    state = SourceState(source.id, f"{source.signal}, files")
    try:
        require_parser(source)
    except BadConfiguration as wrong:
        state.say("configured", f"no: {wrong}", is_bad=True)
        return state
    state.say("configured", f"yes: files of format {source.format} at {source.path}")
    folder = night.settings.inbox / night.city.id
    found = files_of(night, source, ClosedDoor()).found()
    unreadable = [name for name, path in found.items() if not os.access(path, os.R_OK)]
    if not found:
        state.say("missing", f"no file is there: put them into {folder / source.path}", is_bad=True)
    elif unreadable:
        which = ", ".join(unreadable[:_MOST_NAMED])
        state.say("permitted", f"no: give the run permission to read {which}", is_bad=True)
    else:
        state.say("reachable", f"yes: {len(found)} files")
    return state


def _live(night: Night, source: SourceConfig, is_asked: bool) -> SourceState:
    connector = CONNECTORS.get(source.service)
    state = SourceState(source.id, f"{source.signal}, {connector.title if connector else source.service}")
    if mistakes := mistakes_of(source):
        for mistake in mistakes:
            state.say("configured", f"no: {mistake}", is_bad=True)
        return state
    assert connector is not None, "a service without mistakes is known"
    state.say("configured", f"yes: {connector.title}")
    missing = missing_secrets(connector, source)
    for secret in missing:
        state.say("missing", _missing(secret, source), is_bad=secret.is_needed)
    if any(secret.is_needed for secret in missing):
        state.say("permitted", "not asked before that is set")
    elif is_asked:
        probe(night, source, connector, state)
    return state


def _missing(secret: Secret, source: SourceConfig) -> str:
    need = "" if secret.is_needed else "; it goes without"
    return (
        f"{secret.name}, {secret.meaning}: set {variable(source, secret.name)}, or in Airflow the connection "
        f"{connection_of(source)}, which only a night can see{need}"
    )


def probe(night: Night, source: SourceConfig, connector: Connector, state: SourceState) -> None:
    """Ask the service once, cheaply, and say what came of it."""
    context = context_of(night, source, ClosedDoor())
    try:
        with opened(source, context, night.settings, contact=night.city.contact) as ready:
            state.say("permitted", f"yes: {ready.connector.probe(ready.call)}")
    except NotPermitted as failed:
        heading = "reachable" if failed.status == UNSAFE else "permitted"
        state.say(heading, f"no: {named(source, failed)}", is_bad=True)
    except ServiceUnavailable as failed:
        state.say("reachable", f"no: {named(source, failed)}", is_bad=True)
    except SourceFailed as failed:
        state.say("reachable", f"yes, but: {named(source, failed)}", is_bad=True)


def _say_last_night(night: Night, source: SourceConfig, state: SourceState) -> None:
    rows = night.lake.read("cursors").filter(pl.col("source") == source.id).sort("night").tail(1).collect()
    if rows.is_empty():
        state.say("last night", "never read")
        return
    last, mark = rows["night"][0], json.loads(rows["cursor"][0])
    state.say("last night", f"{last}: {_received(night, source, last):,} records, {_how_it_went(mark)}")
    if failure := mark.get("failure"):
        state.say("failed", str(failure), is_bad=True)
    _say_health(night, source, state)


def _how_it_went(mark: dict[str, object]) -> str:
    if not mark.get("done", True):
        return "broke off"
    return "some were no longer to be had" if mark.get("gap") else "complete"


def _received(night: Night, source: SourceConfig, last: object) -> int:
    own = (pl.col("step") == STEP) & (pl.col("part") == source.id) & (pl.col("night") == last)
    return int(night.lake.read("ledger").filter(own).select(pl.col("received").sum()).collect().item())


def _say_health(night: Night, source: SourceConfig, state: SourceState) -> None:
    """What the last night's report found, told from the source's own rhythm."""
    rows = night.lake.read("source_health").filter(pl.col("source") == source.id).sort("night").tail(1).collect()
    for row in rows.iter_rows(named=True):
        is_bad = row["state"] in ("silent", "failing")
        state.say("state", f"{row['state']} on {row['night']}: {row['evidence']}", is_bad=is_bad)
