"""The question before a release, and who answered it: the person Airflow recorded, or the stand-in of `make run`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from barometer.errors import ReleaseRefused

STAND_IN_USER = "stand-in"
STAND_IN_NAME = "make run (stand-in, not a person)"
APPROVE = "Approve"
HOLD = "Hold"
REJECT = "Reject"
OPTIONS = (APPROVE, HOLD, REJECT)
REASON = "reason"
NOBODY_ANSWERED = "nobody answered in time"


@dataclass(frozen=True)
class Answer:
    """What was answered (`APPROVE`, `HOLD` or `REJECT`), by whom, when and why; `by` is empty where nobody answered."""

    choice: str
    by: str
    is_stand_in: bool
    at: datetime
    reason: str

    @property
    def is_yes(self) -> bool:
        """Whether it lets the draft be published."""
        return self.choice == APPROVE

    def in_words(self) -> str:
        """One line for a log."""
        deed = {APPROVE: "approved", HOLD: "held", REJECT: "rejected"}[self.choice]
        return f"{deed} by {self.by or 'nobody'} on {self.at:%d %B %Y, %H:%M %Z}: {self.reason or 'no reason given'}"


def answer_of(answer: Mapping[str, Any]) -> Answer:
    """Read what Airflow hands on from the approval task.

    `answer`: its `chosen_options`, `params_input`, `responded_by_user` and `responded_at`. A question that ran out of
    time is a hold by nobody. Raises `ReleaseRefused` when it is no answer to the question, or when nobody in particular
    said yes or no.
    """
    chosen = list(answer.get("chosen_options") or [])
    user = answer.get("responded_by_user")
    if len(chosen) != 1 or chosen[0] not in OPTIONS or (chosen[0] != HOLD and not user):
        raise ReleaseRefused("the release was not approved by a person; clear the task `approve` to be asked again")
    is_stand_in = bool(user and user["id"] == STAND_IN_USER)
    by = STAND_IN_NAME if is_stand_in else (user.get("name") or user["id"]) if user else ""
    given = str((answer.get("params_input") or {}).get(REASON) or "").strip()
    reason = given if user else NOBODY_ANSWERED
    return Answer(choice=chosen[0], by=by, is_stand_in=is_stand_in, at=_time(answer.get("responded_at")), reason=reason)


def _time(value: datetime | str | None) -> datetime:
    found = datetime.fromisoformat(value) if isinstance(value, str) else value or datetime.now(UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
