"""Who answered for a release: the person Airflow recorded, or the named stand-in of `make run`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from barometer.errors import ReleaseRefused

STAND_IN_USER = "stand-in"
STAND_IN_NAME = "make run (stand-in, not a person)"
APPROVE = "Approve"
REJECT = "Reject"


@dataclass(frozen=True)
class Approval:
    """A "yes" to publish: by whom, when, and whether it was a person."""

    approved_by: str
    is_stand_in: bool
    approved_at: datetime


def approval_of(answer: Mapping[str, Any]) -> Approval:
    """Read the answer Airflow hands on from the approval task (`chosen_options`, `responded_by_user`, `responded_at`).

    Raises `ReleaseRefused` when it is not a "yes", or when nobody in particular gave it (an unanswered question that
    ran out of time has no responder).
    """
    user = answer.get("responded_by_user")
    if list(answer.get("chosen_options") or []) != [APPROVE] or not user:
        raise ReleaseRefused("the release was not approved by a person; clear the task `approve` to be asked again")
    is_stand_in = user["id"] == STAND_IN_USER
    name = STAND_IN_NAME if is_stand_in else user.get("name") or user["id"]
    return Approval(approved_by=name, is_stand_in=is_stand_in, approved_at=_time(answer["responded_at"]))


def _time(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value)
