"""Several things asked of one service: none is spoilt by another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable
from barometer.ingest.live.connector import Options, Page
from barometer.ingest.live.several import Walk, bearer, decoded, each, until
from barometer.ingest.live.web import Answer
from tests.ingest.live.stand_in import NOW, StandIn, a_call


def a_walk(*numbers: int, fails: Exception | None = None) -> Walk:
    """Pages of one record each, then a failure if one is given."""

    def walk() -> Iterator[Page]:
        for number in numbers:
            yield Page([str(number).encode()], {})
        if fails is not None:
            raise fails

    return walk


def records(pages: list[Page]) -> list[int]:
    return [int(record) for page in pages for record in page.records]


class TestEach:
    def test_brings_the_pages_of_all(self) -> None:
        assert records(list(each([a_walk(1, 2), a_walk(), a_walk(3)]))) == [1, 2, 3]

    def test_raises_the_first_failure_when_all_were_tried(self) -> None:
        first, second = NotPermitted("who are you"), ServiceUnavailable("away")
        pages: list[Page] = []
        with pytest.raises(NotPermitted, match="who are you"):
            pages.extend(each([a_walk(1, fails=first), a_walk(2), a_walk(fails=second), a_walk(3)]))
        assert records(pages) == [1, 2, 3]

    def test_does_not_hide_a_fault_of_ours(self) -> None:
        with pytest.raises(ZeroDivisionError):
            list(each([a_walk(1, fails=ZeroDivisionError()), a_walk(2)]))

    def test_begins_a_walk_only_when_those_before_are_done(self) -> None:
        begun: list[str] = []

        def walk() -> Iterator[Page]:
            begun.append("second")
            return iter(())

        pages = each([a_walk(1), walk])
        next(pages)
        assert begun == []
        assert list(pages) == []
        assert begun == ["second"]

    @given(walks=st.lists(st.tuples(st.lists(st.integers(0, 99), max_size=4), st.booleans()), max_size=6))
    def test_loses_no_page_however_many_fail(self, walks: list[tuple[list[int], bool]]) -> None:
        made = [a_walk(*numbers, fails=ServiceUnavailable("away") if fails else None) for numbers, fails in walks]
        pages: list[Page] = []
        try:
            pages.extend(each(made))
        except ServiceUnavailable:
            assert any(fails for _, fails in walks)
        else:
            assert not any(fails for _, fails in walks)
        assert records(pages) == [number for numbers, _ in walks for number in numbers]


class TestUntil:
    @pytest.mark.parametrize(
        ("started_at", "horizon", "expected"),
        [
            (NOW, NOW + timedelta(hours=1), NOW),
            (NOW + timedelta(hours=1), NOW, NOW),
            (NOW.astimezone(timezone(timedelta(hours=5))), NOW + timedelta(hours=1), NOW),
        ],
    )
    def test_is_the_earlier_of_now_and_the_nights_end(
        self, started_at: datetime, horizon: datetime, expected: datetime
    ) -> None:
        found = until(a_call(StandIn(1), options=Options(), started_at=started_at, horizon=horizon))
        assert found == expected
        assert found.tzinfo is UTC


class _Name(msgspec.Struct):
    name: str


class TestDecoded:
    def test_is_what_was_asked_for(self) -> None:
        assert decoded(Answer(200, {}, b'{"name": "x"}', "https://a.example"), _Name, "a name").name == "x"

    @pytest.mark.parametrize("body", [b"", b"[]", b'{"name": 1}', b"<html>", b"\xff", b"[" * 100_000])
    def test_anything_else_is_refused_in_words_that_do_not_quote_it(self, body: bytes) -> None:
        with pytest.raises(ServiceRefused, match=r"https://a\.example answered something else than a name") as failed:
            decoded(Answer(200, {}, body, "https://a.example"), _Name, "a name")
        assert failed.value.status == "200"
        assert "html" not in str(failed.value)


def test_a_token_is_shown_only_if_there_is_one() -> None:
    assert bearer("x") == {"Authorization": "Bearer x"}
    assert bearer(None) == bearer("") == {}
