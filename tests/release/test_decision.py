"""What was said of a draft, and what may follow from it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from barometer.errors import ReleaseRefused
from barometer.night import Night
from barometer.release.decision import Decision, all_decisions, decide, decisions_on, require_not_rejected
from barometer.settings import Settings

AT = datetime(2026, 5, 10, 8, 30, tzinfo=UTC)


@pytest.fixture
def night(sample: Night, tmp_path: Path) -> Night:
    """A night with a folder of the test's own."""
    return replace(sample, settings=Settings(home=tmp_path))


def say(night: Night, kind: str, **changes: Any) -> Decision:
    plain = {"by": "A. Person", "is_stand_in": False, "at": AT, "reason": "", "manifest_sha256": "m1"}
    return decide(night, kind=kind, **plain | changes)


def test_nothing_was_said_before_anybody_spoke(night: Night) -> None:
    assert all_decisions(night) == []
    require_not_rejected([])


def test_decisions_are_kept_in_order_with_who_when_and_why(night: Night) -> None:
    held = say(night, "hold", reason="wait for\n the ward figures")
    agreed = say(night, "approve", at=datetime(2026, 5, 11, tzinfo=UTC))
    assert all_decisions(night) == [held, agreed]
    assert (held.by, held.at, held.reason) == ("A. Person", "2026-05-10T08:30:00+00:00", "wait for the ward figures")


def test_the_same_answer_read_again_changes_nothing(night: Night) -> None:
    assert say(night, "hold") == say(night, "hold")
    assert len(all_decisions(night)) == 1


def test_a_draft_is_told_from_another_by_its_manifest(night: Night) -> None:
    say(night, "reject", manifest_sha256="m1")
    say(night, "hold", manifest_sha256="m2")
    assert [decision.kind for decision in decisions_on(night, "m2")] == ["hold"]


@pytest.mark.parametrize(("words", "may_go"), [("hold", True), ("approve", True), ("reject", False)])
def test_only_a_no_bars_a_draft(night: Night, words: str, may_go: bool) -> None:
    said = [say(night, words)]
    if may_go:
        require_not_rejected(said)
    else:
        with pytest.raises(ReleaseRefused, match=r"rejected by A\. Person on 2026-05-10"):
            require_not_rejected(said)


def test_the_last_word_counts(night: Night) -> None:
    require_not_rejected([say(night, "reject"), say(night, "approve")])
    with pytest.raises(ReleaseRefused, match="no reason given"):
        require_not_rejected([say(night, "approve"), say(night, "reject")])


@pytest.mark.parametrize("kind", ["approve", "reject"])
def test_nobody_in_particular_can_only_hold(night: Night, kind: str) -> None:
    with pytest.raises(ReleaseRefused, match="nobody is named"):
        say(night, kind, by="  ")
    assert say(night, "hold", by="").by == ""


def test_an_unknown_answer_is_refused(night: Night) -> None:
    with pytest.raises(ReleaseRefused, match="'perhaps': must be one of approve, hold, reject"):
        say(night, "perhaps")
