"""What the JSON formats of posts share: one record, or an array of records, a line; refusals in words."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from barometer.ingest.posts.post import Outcome, Post, Record, Takedown, Unusable, checked, to_part
from barometer.ingest.source import Context, Line, Part

Reader: TypeAlias = Callable[[bytes, Context], Post | Takedown | None]
"""Reads one record; None when it is out of scope; raises `Unusable` or msgspec's errors when it cannot be used."""

Namer: TypeAlias = Callable[[dict[str, Any], Context], tuple[str, Any, Any]]
"""Platform, post id and author id of a record that was refused, as far as they can be found."""

_FIELD = re.compile(r"at `\$\.?([^`]*)`")
_MISSING = re.compile(r"missing required field `([^`]*)`")
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])

NOT_THERE = msgspec.Raw()
"""Default of a field that is left undecoded; see `is_there`."""


@dataclass(frozen=True)
class JsonPosts:
    """A `LineParser` made of a format's reader of one record."""

    read: Reader
    names: Namer

    def parse_lines(self, lines: Sequence[Line], context: Context) -> Part:
        """Every record of the lines, as a row, a removal, out of scope or rejected."""
        return to_part([record for line in lines for record in self._records(line, context)], context)

    def _records(self, line: Line, context: Context) -> Iterator[Record]:
        position = context.position(line.number)
        if line.too_long:
            reason = "the line is longer than 1 MiB: split it, or check that each record ends with a newline"
            yield Record(position, line.data, Unusable("line_too_long", reason))
        elif line.data.lstrip().startswith(b"["):
            yield from self._array(position, line.data, context)
        else:
            yield self._one(position, line.data, context)

    def _array(self, position: str, data: bytes, context: Context) -> Iterator[Record]:
        try:
            _require_utf8(data)
            items = [bytes(raw) for raw in _ARRAY.decode(data)]
        except (Unusable, msgspec.MsgspecError, RecursionError) as error:
            yield Record(position, data, as_unusable(error, data))
            return
        yield from (self._one(f"{position}[{index}]", item, context) for index, item in enumerate(items))

    def _one(self, position: str, data: bytes, context: Context) -> Record:
        try:
            _require_utf8(data)
            outcome: Outcome = self.read(data, context)
            return Record(position, data, checked(outcome, context) if isinstance(outcome, Post) else outcome)
        except (Unusable, msgspec.MsgspecError, RecursionError) as error:
            return self._refused(position, data, as_unusable(error, data), context)

    def _refused(self, position: str, data: bytes, why: Unusable, context: Context) -> Record:
        try:
            record = json.loads(data)
        except (ValueError, RecursionError):
            return Record(position, data, why)
        if not isinstance(record, dict):
            return Record(position, data, why)
        platform, post_id, author = self.names(record, context)
        return Record(position, data, why, platform, _as_id(post_id), _as_id(author))


def nested(record: dict[str, Any], *names: str) -> Any:
    """The value below the names, or None where the path breaks off."""
    value: Any = record
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def is_there(raw: msgspec.Raw) -> bool:
    """Whether a field that was left undecoded holds something."""
    return bytes(raw) not in (b"", b"null")


def _as_id(value: Any) -> str | None:
    """The id as text; None where it is none, or holds half a character, which no other record could hold too."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    text = str(value)
    return text if text.encode("utf-8", "ignore").decode("utf-8") == text else None


def _require_utf8(data: bytes) -> None:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        reason = f"byte {error.start + 1} of the record is not UTF-8: save the file as UTF-8"
        raise Unusable("invalid_utf8", reason) from None


def as_unusable(error: Exception, data: bytes) -> Unusable:
    """What msgspec, or a reader, found wrong with a record, in words that do not quote it."""
    if isinstance(error, Unusable):
        return error
    if isinstance(error, msgspec.ValidationError):
        return _wrong_field(str(error))
    return _not_finite(data) or Unusable(
        "invalid_json", "not a JSON record: one complete JSON object a line is expected"
    )


def _wrong_field(message: str) -> Unusable:
    missing = _MISSING.search(message)
    if missing:
        return Unusable("missing_field", f"{missing[1]} is missing: every record needs it", missing[1])
    found = _FIELD.search(message)
    field = found[1] if found and found[1] else None
    what = message.partition(" - at ")[0]
    rule = "invalid_date" if "datetime" in what else "wrong_type"
    return Unusable(rule, f"{field or 'the record'}: {what}; correct it at the source", field)


def _not_finite(data: bytes) -> Unusable | None:
    """Python's and JavaScript's NaN and Infinity are not JSON: name the field that holds one."""
    try:
        record = json.loads(data)
    except (ValueError, RecursionError):
        return None
    field = next(
        (name for name, value in _leaves(record) if isinstance(value, float) and not math.isfinite(value)), None
    )
    if field is None:
        return None
    return Unusable("not_finite", f"{field} is NaN or infinite: give a number or leave the field out", field)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _leaves(below, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list):
        for index, below in enumerate(value):
            yield from _leaves(below, f"{name}[{index}]")
    else:
        yield name, value
