"""What services write about waiting, as they write it."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.ingest.live.waits import asked_wait, seconds_until, window_wait

NOW = datetime(2026, 5, 9, 12, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("-5", 0),
        ("nan", 0),
        ("inf", 0),
        (str(int(NOW) + 30), 30),
        (str(int(NOW) - 30), 0),
        ("Sat, 09 May 2026 12:01:00 GMT", 60),
        ("Sat, 09 May 2026 11:00:00 GMT", 0),
        ("2026-05-09T12:05:00.000Z", 300),
        ("2026-05-09T14:05:00+02:00", 300),
        ("2026-05-09T12:05:00", 300),
        ("soon", 0),
        ("", 0),
    ],
)
def test_every_form_is_understood(text: str, seconds: float) -> None:
    assert seconds_until(text, NOW) == pytest.approx(seconds)


@given(st.text(max_size=40))
def test_nothing_a_service_writes_is_an_error_or_a_negative_wait(text: str) -> None:
    assert seconds_until(text, NOW) >= 0


@given(st.integers(1, 86_400))
def test_a_date_and_a_number_say_the_same(seconds: int) -> None:
    at = datetime.fromtimestamp(NOW + seconds, UTC)
    assert seconds_until(format_datetime(at, usegmt=True), NOW) == seconds == seconds_until(str(seconds), NOW)


def test_retry_after_comes_first() -> None:
    headers = {"retry-after": "3", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "100"}
    assert asked_wait(headers, NOW) == 3


@pytest.mark.parametrize("prefix", ["x-ratelimit", "ratelimit", "x-rate-limit"])
def test_a_refusal_without_it_is_understood_by_the_window(prefix: str) -> None:
    assert asked_wait({f"{prefix}-reset": "42"}, NOW) == 42


def test_a_refusal_that_says_nothing_asks_for_nothing() -> None:
    assert asked_wait({}, NOW) == 0


@pytest.mark.parametrize(("remaining", "seconds"), [("0", 42), ("0.0", 42), ("1", 0), ("99.0", 0), ("many", 0)])
def test_a_window_is_waited_for_only_when_it_is_used_up(remaining: str, seconds: float) -> None:
    assert window_wait({"x-ratelimit-remaining": remaining, "x-ratelimit-reset": "42"}, NOW) == seconds


def test_a_window_that_does_not_say_what_remains_is_not_waited_for() -> None:
    assert window_wait({"x-ratelimit-reset": "42"}, NOW) == 0
