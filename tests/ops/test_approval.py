from datetime import UTC, datetime

import pytest

from barometer.errors import ReleaseRefused
from barometer.ops.approval import NOBODY_ANSWERED, OPTIONS, STAND_IN_NAME, STAND_IN_USER, answer_of

ANSWERED_AT = datetime(2026, 5, 11, 8, 30, tzinfo=UTC)


def an_answer(**changes: object) -> dict[str, object]:
    yes = {
        "chosen_options": ["Approve"],
        "params_input": {"reason": "looked at every page"},
        "responded_by_user": {"id": "s.malik", "name": "Samira Malik"},
        "responded_at": ANSWERED_AT,
    }
    return yes | changes


def test_a_persons_yes_is_recorded_under_their_name_with_time_and_reason() -> None:
    answer = answer_of(an_answer())
    assert (answer.by, answer.is_stand_in, answer.at) == ("Samira Malik", False, ANSWERED_AT)
    assert (answer.is_yes, answer.reason) == (True, "looked at every page")


def test_a_person_without_a_name_is_recorded_under_their_user_id() -> None:
    assert answer_of(an_answer(responded_by_user={"id": "s.malik", "name": ""})).by == "s.malik"


def test_the_stand_in_says_that_it_is_not_a_person() -> None:
    answer = answer_of(an_answer(responded_by_user={"id": STAND_IN_USER, "name": "Samira Malik"}))
    assert answer.is_stand_in
    assert answer.by == STAND_IN_NAME
    assert "not a person" in answer.by


@pytest.mark.parametrize("written", ["2026-05-11T08:30:00+00:00", "2026-05-11T08:30:00"])
def test_a_time_written_as_text_is_read_as_utc(written: str) -> None:
    assert answer_of(an_answer(responded_at=written)).at == ANSWERED_AT


@pytest.mark.parametrize("params", [{}, None, {"reason": None}, {"reason": "  "}])
def test_a_reason_may_be_left_out(params: object) -> None:
    answer = answer_of(an_answer(params_input=params))
    assert answer.reason == ""
    assert answer.in_words() == "approved by Samira Malik on 11 May 2026, 08:30 UTC: no reason given"


@pytest.mark.parametrize("choice", ["Hold", "Reject"])
def test_a_person_may_hold_or_reject(choice: str) -> None:
    answer = answer_of(an_answer(chosen_options=[choice]))
    assert (answer.choice, answer.is_yes, answer.by) == (choice, False, "Samira Malik")


def test_a_question_that_ran_out_of_time_is_a_hold_by_nobody() -> None:
    silence = an_answer(chosen_options=["Hold"], responded_by_user=None, params_input={})
    answer = answer_of(silence)
    assert (answer.choice, answer.by, answer.reason) == ("Hold", "", NOBODY_ANSWERED)
    assert "held by nobody" in answer.in_words()


def test_the_answers_are_the_kinds_of_decision_the_release_knows() -> None:
    from barometer.release.decision import KINDS

    assert tuple(option.lower() for option in OPTIONS) == KINDS


@pytest.mark.parametrize(
    "changes",
    [
        {"chosen_options": []},
        {"chosen_options": None},
        {"chosen_options": ["Publish"]},
        {"chosen_options": ["Approve", "Reject"]},
        {"responded_by_user": None},
        {"responded_by_user": {}},
        {"chosen_options": ["Reject"], "responded_by_user": None},
    ],
)
def test_what_is_no_persons_answer_publishes_nothing(changes: dict[str, object]) -> None:
    with pytest.raises(ReleaseRefused, match="not approved by a person"):
        answer_of(an_answer(**changes))
