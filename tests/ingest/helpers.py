"""A city, a door and files made for tests of ingest; the people and events in them are invented."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from barometer.city import SourceConfig
from barometer.ingest.source import Context, Line
from barometer.lake import Lake
from barometer.night import Night
from barometer.settings import Settings

NIGHT = date(2026, 5, 9)
NOON = datetime(2026, 5, 9, 12, tzinfo=UTC)


class PlainDoor:
    """A door that can be seen through: pseudonyms are plain hashes, and a mask is a word in front."""

    def __init__(self) -> None:
        self.calls_of_mask = 0

    def pseudonym(self, kind: str, value: str) -> str:
        return hashlib.sha256(f"{kind}/{value}".encode()).hexdigest()[:32]

    def mask(self, texts: Sequence[str]) -> list[str]:
        self.calls_of_mask += 1
        return [f"masked {text}" for text in texts]

    def mask_record(self, record: str) -> str:
        return f"masked {record}"[:2_000]

    def seal(self, post: str, platform_id: str) -> str:
        return f"{post[:4]}.{platform_id[::-1]}"

    def unseal(self, post: str, sealed_id: str) -> str:
        head, _, backwards = sealed_id.partition(".")
        assert head == post[:4]
        return backwards[::-1]


@dataclass(frozen=True, eq=False)
class SquareTown:
    """A city of two neighbourhoods, west and east of longitude 0, within longitude -1 to 1 and latitude 0 to 1."""

    id: str = "testville"
    timezone: str = "Europe/London"
    is_synthetic: bool = False
    sources: tuple[SourceConfig, ...] = ()
    folder: Path = field(default_factory=Path)
    contact: str = ""

    @property
    def neighbourhoods(self) -> pl.DataFrame:
        return pl.DataFrame({"area": ["west", "east"], "name": ["West End", "East End"]})

    def locate(self, longitudes: Sequence[float], latitudes: Sequence[float]) -> list[str | None]:
        pairs = zip(longitudes, latitudes, strict=True)
        return [("west" if x < 0 else "east") if -1 <= x <= 1 and 0 <= y <= 1 else None for x, y in pairs]

    def place_code(self, codes: Iterable[str | None]) -> list[str | None]:
        return [{"W1": "west", "E1": "east"}.get(code or "") for code in codes]

    def place_postcode(self, postcodes: Iterable[str | None]) -> list[str | None]:
        return ["west" if (code or "").startswith("WW1") else None for code in postcodes]


def a_source(form: str = "jsonl", signal: str = "posts", path: str = "posts", **values: Any) -> SourceConfig:
    """A configured source; `values` override its id, is_synthetic and options."""
    plain = {"id": "a_source", "is_synthetic": False, "options": {}}
    return SourceConfig(signal=signal, format=form, path=path, **(plain | values))


def a_context(form: str = "jsonl", file: str = "posts/a.jsonl", **options: Any) -> Context:
    """What a parser is told on the night of 9 May 2026."""
    return Context(
        city=SquareTown(),  # type: ignore[arg-type]
        source=a_source(form, options=options),
        door=PlainDoor(),
        night=NIGHT,
        horizon=datetime(2026, 5, 9, 23, tzinfo=UTC),
        earliest=datetime(2006, 1, 1, tzinfo=UTC),
        latest=datetime(2026, 5, 11, tzinfo=UTC),
        file=file,
    )


def a_night(lake: Lake, settings: Settings, night: date = NIGHT, sources: tuple[SourceConfig, ...] = ()) -> Night:
    """A night of the square town in a test's own lake and folders."""
    return Night(city=SquareTown(sources=sources), lake=lake, settings=settings, night=night)  # type: ignore[arg-type]


def as_lines(*records: Any) -> list[Line]:
    """Records (text, bytes, or anything JSON can say) as numbered lines."""
    return [Line(number, _as_bytes(record)) for number, record in enumerate(records, start=1)]


def write_lines(path: Path, *records: Any) -> Path:
    """A file of such lines, each ended."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(_as_bytes(record) + b"\n" for record in records))
    return path


def a_post(id: str = "1", **values: Any) -> dict[str, Any]:
    """A post in the project's own format."""
    plain = {"platform": "forum", "author": "ada", "created_at": "2026-05-08T10:00:00Z", "text": f"words of {id}"}
    return {"id": id, **plain, **values}


def pseudonym(kind: str, value: str) -> str:
    """What the plain door calls a subject."""
    return PlainDoor().pseudonym(kind, value)


def table(night: Night, name: str) -> pl.DataFrame:
    """All live rows of a table, in the order of its columns' values."""
    rows = night.lake.read(name).collect()
    return rows.sort([column for column, dtype in rows.schema.items() if not dtype.is_nested()])


def _as_bytes(record: Any) -> bytes:
    if isinstance(record, bytes):
        return record
    return (record if isinstance(record, str) else json.dumps(record)).encode()
