"""What was said of a draft: approve, hold or reject, by whom, when and why. Kept beside its seal, outside the draft."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from barometer.errors import ReleaseRefused
from barometer.night import Night

DECISIONS = "decisions.json"
APPROVED, HELD, REJECTED = "approve", "hold", "reject"
KINDS = (APPROVED, HELD, REJECTED)


@dataclass(frozen=True)
class Decision:
    """One answer. `by` is empty where nobody answered in time; `manifest_sha256` tells which draft it was about."""

    kind: str
    by: str
    is_stand_in: bool
    at: str
    reason: str
    manifest_sha256: str


def decide(
    night: Night, *, kind: str, by: str, is_stand_in: bool, at: datetime, reason: str, manifest_sha256: str
) -> Decision:
    """Record an answer to the draft with that manifest; the same answer again changes nothing.

    Raises `ReleaseRefused` for an unknown kind, or where nobody in particular said yes or no.
    """
    if kind not in KINDS:
        raise ReleaseRefused(f"decision {kind!r}: must be one of {', '.join(KINDS)}")
    if kind != HELD and not by.strip():
        raise ReleaseRefused(f"decision {kind}: nobody is named who decided so")
    made = Decision(kind, by.strip(), is_stand_in, at.isoformat(), " ".join(reason.split()), manifest_sha256)
    earlier = all_decisions(night)
    if made not in earlier:
        _write(night, [*earlier, made])
    return made


def decisions_on(night: Night, manifest_sha256: str) -> list[Decision]:
    """What was said of the draft with that manifest, oldest first."""
    return [decision for decision in all_decisions(night) if decision.manifest_sha256 == manifest_sha256]


def all_decisions(night: Night) -> list[Decision]:
    """Every answer to any draft of the night, oldest first."""
    path = night.folder / DECISIONS
    return [Decision(**each) for each in json.loads(path.read_text("utf-8"))] if path.is_file() else []


def require_not_rejected(decisions: Sequence[Decision]) -> None:
    """Raise `ReleaseRefused` when the last word on a draft was no."""
    if decisions and (last := decisions[-1]).kind == REJECTED:
        raise ReleaseRefused(
            f"this draft was rejected by {last.by} on {last.at[:10]} ({last.reason or 'no reason given'}); mend what "
            "was wrong and draft it again, or clear the task `approve` to be asked again"
        )


def _write(night: Night, decisions: Sequence[Decision]) -> None:
    night.folder.mkdir(parents=True, exist_ok=True)
    staged = night.folder / f".{DECISIONS}.{uuid.uuid4().hex}"
    staged.write_text(json.dumps([asdict(d) for d in decisions], indent=2, ensure_ascii=False) + "\n", "utf-8")
    staged.replace(night.folder / DECISIONS)
