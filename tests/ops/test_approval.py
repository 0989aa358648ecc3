from datetime import UTC, datetime

import pytest

from barometer.errors import ReleaseRefused
from barometer.ops.approval import STAND_IN_NAME, STAND_IN_USER, approval_of

ANSWERED_AT = datetime(2026, 5, 11, 8, 30, tzinfo=UTC)


def an_answer(**changes: object) -> dict[str, object]:
    yes = {
        "chosen_options": ["Approve"],
        "responded_by_user": {"id": "s.malik", "name": "Samira Malik"},
        "responded_at": ANSWERED_AT,
    }
    return yes | changes


def test_a_persons_yes_is_recorded_under_their_name() -> None:
    approval = approval_of(an_answer())
    assert (approval.approved_by, approval.is_stand_in, approval.approved_at) == ("Samira Malik", False, ANSWERED_AT)


def test_a_person_without_a_name_is_recorded_under_their_user_id() -> None:
    assert approval_of(an_answer(responded_by_user={"id": "s.malik", "name": ""})).approved_by == "s.malik"


def test_the_stand_in_says_that_it_is_not_a_person() -> None:
    approval = approval_of(an_answer(responded_by_user={"id": STAND_IN_USER, "name": "Samira Malik"}))
    assert approval.is_stand_in
    assert approval.approved_by == STAND_IN_NAME
    assert "not a person" in approval.approved_by


def test_a_time_written_as_text_is_read() -> None:
    assert approval_of(an_answer(responded_at="2026-05-11T08:30:00+00:00")).approved_at == ANSWERED_AT


@pytest.mark.parametrize(
    "changes",
    [
        {"chosen_options": ["Reject"]},
        {"chosen_options": []},
        {"chosen_options": None},
        {"chosen_options": ["Approve", "Reject"]},
        {"responded_by_user": None},
        {"responded_by_user": {}},
    ],
)
def test_anything_but_a_persons_yes_publishes_nothing(changes: dict[str, object]) -> None:
    with pytest.raises(ReleaseRefused, match="not approved by a person"):
        approval_of(an_answer(**changes))
