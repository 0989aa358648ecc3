"""Submissions of forms as KoboToolbox, ODK Central and LimeSurvey hand them over (JSON, one a line) -> cells.

A question is found by its path (`group/question`) or by its name alone, as it stands in an exported file; a choice of
several by `question/choice` (1 or 0); a point by `question_longitude` and `question_latitude`. A question that was not
answered is absent from these services' records, and counts as an empty cell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

import msgspec
import polars as pl
from pydantic import BaseModel, ConfigDict

from barometer.ingest.source import Context, Line, Rejected, Removal, RemovalReason
from barometer.ingest.tables.cells import LINE, Block
from barometer.ingest.tables.options import Options, checked_options

Cells: TypeAlias = Mapping[str, Any]
"""Path of a question (`group/question`, `repeat[2]/question`) -> its answer."""

EDITION = "_edition"
"""Column: microseconds by which a later edition of a submission is newer than the first."""
GONE = "_gone"
"""Column: why the service takes the submission back (a `RemovalReason`), null where it does not."""

REPETITION = "barometer:repetition"
"""Key under which a connector numbers the repetitions it made records of."""
STAMP = "barometer:edition"
"""Key under which a connector states how often it has seen a submission changed."""
TAKEN_BACK = "barometer:taken_back"
"""Key of a record that only takes back: the pseudonym of what was made of a submission that is no longer there."""

_POINT_PART = re.compile(r"^_?(?P<question>.+?)[_-](?P<part>longitude|latitude)$", re.IGNORECASE)
_INCOMPLETE = "incomplete"


class SubmissionOptions(Options):
    """Options of forms, besides those of the signal.

    `only_approved`: hold back what nobody has approved yet (what somebody refused is always held back).
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    only_approved: bool = False


AnyOptions = TypeVar("AnyOptions", bound=BaseModel)


@dataclass(frozen=True)
class Flavour:
    """What is particular to one service's records."""

    service: str
    key: str
    """Path of the submission's own id, which stays when it is edited."""
    edition: Callable[[Cells], int]
    """A number that rises with every edit and every decision of a reviewer; at most microseconds of a few minutes."""
    state: Callable[[Cells], str]
    """approved, refused, deleted, incomplete, or anything else for one that nobody has reviewed."""


@dataclass
class Submissions:
    """Some records told apart. `frame` has LINE, EDITION, GONE and the wanted columns as text."""

    block: Block
    removals: list[Removal] = field(default_factory=list)
    out_of_scope: int = 0

    @property
    def read(self) -> int:
        """Records in all."""
        return self.block.read + len(self.removals) + self.out_of_scope


def read_submissions(
    lines: Sequence[Line], wanted: Iterable[str], flavour: Flavour, options: SubmissionOptions, context: Context
) -> Submissions:
    """The records' cells named `wanted` (one row a record), what is taken back, and what is no submission at all.

    Incomplete responses, and those that nobody approved where only approved ones count, are out of scope.
    """
    names = list(dict.fromkeys(wanted))
    found = Submissions(Block(pl.DataFrame()))
    rows: list[tuple[Any, ...]] = []
    for line in lines:
        outcome = _told(line, flavour, options, context)
        if isinstance(outcome, Rejected):
            found.block.rejected.append(outcome)
        elif isinstance(outcome, Removal):
            found.removals.append(outcome)
        elif outcome is None:
            found.out_of_scope += 1
        else:
            cells, edition, gone = outcome
            rows.append((line.number, edition, gone, *(cell(cells, name) for name in names)))
    return Submissions(Block(_frame(names, rows), found.block.rejected), found.removals, found.out_of_scope)


def flat(record: Mapping[str, Any]) -> dict[str, Any]:
    """Path -> answer: groups by `/`, repetitions numbered from 1; points stay whole."""
    return dict(_flattened(record, ""))


def cell(cells: Cells, name: str) -> str | None:
    """What the record says of a column, as text; None where it says nothing."""
    path = _path(cells, name)
    if path is not None:
        return _text(cells[path])
    return _part_of_point(cells, name) or _choice(cells, name)


def repetitions(record: Mapping[str, Any], repeat: str | None) -> list[dict[str, Any]]:
    """The record once for each repetition of the group `repeat`, each with the other answers; itself without one."""
    if repeat is None:
        return [dict(record)]
    path, rest = _cut_out(record, repeat)
    return [
        {**rest, **{f"{path}/{name}": answer for name, answer in one.items()}, REPETITION: place}
        for place, one in enumerate(_list(record, path), start=1)
    ]


def own_options(kind: type[AnyOptions], context: Context, **default: Any) -> AnyOptions:
    """The parser's share of a live source's options; the connector's own are checked where it is called."""
    known = default | {name: value for name, value in context.source.options.items() if name in kind.model_fields}
    return checked_options(kind, known, context.source.id)


def taken_back(subject: str, at: datetime) -> bytes:
    """The record with which a connector takes back what was made of a submission that vanished."""
    return json.dumps({TAKEN_BACK: subject, "at": at.astimezone(UTC).isoformat()}).encode()


_Outcome: TypeAlias = "tuple[Cells, int, RemovalReason | None] | Removal | Rejected | None"


def _told(line: Line, flavour: Flavour, options: SubmissionOptions, context: Context) -> _Outcome:
    record = decoded(line, context)
    if isinstance(record, Rejected):
        return record
    if TAKEN_BACK in record:
        at = datetime.fromisoformat(record["at"])
        return Removal("record", str(record[TAKEN_BACK]), at, "deleted", context.position(line.number))
    cells = flat(record)
    state, edition = flavour.state(cells), flavour.edition(cells)
    if state == _INCOMPLETE:
        return None
    if options.only_approved and state == "new":
        # What never changed was never approved; of the rest an approval may have been withdrawn.
        return (cells, edition, "operator") if edition else None
    return cells, edition, _TAKES_BACK.get(state)


_TAKES_BACK: dict[str, RemovalReason] = {"refused": "operator", "deleted": "deleted"}


def decoded(line: Line, context: Context) -> dict[str, Any] | Rejected:
    """The record of a line, or why it is none."""
    position = context.position(line.number)
    if line.too_long:
        return Rejected(
            position, "line_too_long", "the record is longer than 1 MiB: leave attachments out of the export"
        )
    try:
        record = msgspec.json.decode(line.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _refused(position, line, "invalid_json", "the record is not JSON: fetch or export it again")
    if not isinstance(record, dict):
        return _refused(
            position, line, "wrong_type", "the record is not an object of questions and answers: export it again"
        )
    return record


def _refused(position: str, line: Line, rule: str, reason: str) -> Rejected:
    return Rejected(position, rule, reason, record=line.data.decode("utf-8", "replace"))


def _flattened(record: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, answer in record.items():
        path = f"{before}{name}"
        if isinstance(answer, Mapping) and not _is_point(answer):
            yield from _flattened(answer, f"{path}/")
        elif isinstance(answer, list) and answer and all(isinstance(one, Mapping) for one in answer):
            for place, one in enumerate(answer, start=1):
                yield from _flattened(_without_prefix(one, path), f"{path}[{place}]/")
        else:
            yield path, answer


def _without_prefix(one: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A repetition's answers by their names inside it: KoboToolbox writes the whole path in front of each."""
    return {name.removeprefix(f"{path}/"): answer for name, answer in one.items()}


def _is_point(answer: Mapping[str, Any]) -> bool:
    return answer.get("type") == "Point" and isinstance(answer.get("coordinates"), list)


def _path(cells: Cells, name: str) -> str | None:
    if name in cells:
        return name
    ending = f"/{name}"
    inside = [path for path in cells if path.endswith(ending) and "[" not in path]
    return min(inside, key=lambda path: (path.count("/"), path), default=None)


def _part_of_point(cells: Cells, name: str) -> str | None:
    found = _POINT_PART.match(name)
    path = _path(cells, found["question"]) if found else None
    if found is None or path is None:
        return None
    longitude, latitude = _degrees(cells[path])
    return longitude if found["part"].lower() == "longitude" else latitude


def _degrees(point: Any) -> tuple[str | None, str | None]:
    """Longitude and latitude of GeoJSON, or of an XForm's `latitude longitude altitude accuracy`."""
    if isinstance(point, Mapping):
        return _text(point["coordinates"][0]), _text(point["coordinates"][1])
    parts = str(point or "").split()
    return (parts[1], parts[0]) if len(parts) >= 2 else (None, None)


def _choice(cells: Cells, name: str) -> str | None:
    """Whether a choice was among those given to a question that allows several."""
    question, _, choice = name.rpartition("/")
    path = _path(cells, question) if question else None
    if path is None or not isinstance(cells[path], str):
        return None
    return str(int(choice in cells[path].split()))


def _text(answer: Any) -> str | None:
    if answer is None or isinstance(answer, (list, Mapping)):
        return None
    text = str(answer).lower() if isinstance(answer, bool) else str(answer)
    return text.strip() or None


def _cut_out(record: Mapping[str, Any], repeat: str) -> tuple[str, dict[str, Any]]:
    """Path of the repeated group as the record writes it, and the record without it."""
    plain = flat_groups(record)
    path = next((path for path in plain if path == repeat or path.endswith(f"/{repeat}")), repeat)
    return path, {name: answer for name, answer in plain.items() if name != path}


def _list(record: Mapping[str, Any], path: str) -> list[dict[str, Any]]:
    found = flat_groups(record).get(path)
    return [_without_prefix(one, path) for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def flat_groups(record: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Path -> answer with groups opened and repeated groups left as lists."""
    found: dict[str, Any] = {}
    for name, answer in record.items():
        if isinstance(answer, Mapping) and not _is_point(answer):
            found |= flat_groups(answer, f"{before}{name}/")
        else:
            found[f"{before}{name}"] = answer
    return found


def _frame(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    schema = {LINE: pl.Int64(), EDITION: pl.Int64(), GONE: pl.String(), **dict.fromkeys(names, pl.String())}
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def _kobo_state(cells: Cells) -> str:
    # kobotoolbox/kpi: validation_status_approved, _not_approved, _on_hold; an empty object where nobody has decided.
    decided = {"validation_status_approved": "approved", "validation_status_not_approved": "refused"}
    return decided.get(str(cells.get("_validation_status/uid")), "new")


def _odk_state(cells: Cells) -> str:
    if cells.get("__system/deletedAt"):
        return "deleted"
    # getodk/central: null, edited, hasIssues, rejected, approved.
    decided = {"approved": "approved", "rejected": "refused"}
    return decided.get(str(cells.get("__system/reviewState")), "new")


def _odk_edition(cells: Cells) -> int:
    """Seconds from the submission to its last change, which edits and reviewers' decisions move on."""
    first, last = (_time(cells.get(f"__system/{name}")) for name in ("submissionDate", "updatedAt"))
    return max(0, int((last - first).total_seconds())) if first and last else 0


def _time(stated: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(stated)).astimezone(UTC)
    except ValueError:
        return None


def _stamped(cells: Cells) -> int:
    return int(cells.get(STAMP) or 0)


def _limesurvey_state(cells: Cells) -> str:
    return "new" if cells.get("submitdate") else _INCOMPLETE


KOBO = Flavour("kobo", "_id", _stamped, _kobo_state)
ODK = Flavour("odk", "__id", _odk_edition, _odk_state)
LIMESURVEY = Flavour("limesurvey", "id", _stamped, _limesurvey_state)
FLAVOURS = (KOBO, ODK, LIMESURVEY)
