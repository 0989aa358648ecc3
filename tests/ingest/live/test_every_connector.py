"""What every connector survives, over real sockets: paging, limits, refusals, broken answers, repeats, and its own end.

Services are listed in `services_here.SERVICES`.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.errors import NotPermitted, ServiceRefused, ServiceUnavailable, SourceFailed
from barometer.ingest.live.client import Limits
from barometer.ingest.live.connector import Call, Connector, Cursor, Page
from tests.ingest.live.services_here import SECRET, SERVICES, DirectWeb, Here, Item, YouTubeHere, items, numbers
from tests.ingest.live.stand_in import NOW, Answering, Asked, Reply, StandIn, a_call, stand_in

USUAL = Limits(connect_seconds=5, read_seconds=5, whole_seconds=5, tries=3)
IMPATIENT = Limits(connect_seconds=5, read_seconds=0.4, whole_seconds=5, tries=3)


@pytest.fixture(params=SERVICES, ids=lambda make: make.__name__)
def here(request: pytest.FixtureRequest) -> Here:
    made: Here = request.param()
    made.items = items(95)
    return made


def a_call_of(here: Here, server: StandIn, **values: Any) -> Call:
    plain: dict[str, Any] = {"limits": USUAL, "secrets": here.secrets}
    return a_call(server, options=here.options(server.url), **(plain | values))


def read(here: Here, server: StandIn, cursor: Cursor | None = None, **values: Any) -> list[Page]:
    """All pages, each bookmark having been through JSON as it is when it is kept."""
    call = a_call_of(here, server, **values)
    pages = list(here.connector(server.url).pages(call, cursor))
    assert all(json.loads(json.dumps(page.cursor)) == page.cursor for page in pages)
    return pages


def everything(here: Here) -> set[int]:
    return {item.number for item in here.items}


class TestReading:
    def test_brings_everything_page_by_page(self, here: Here) -> None:
        with stand_in(here.answer) as server:
            pages = read(here, server)
        assert set(numbers(here, pages)) == everything(here)

    def test_again_brings_what_is_new(self, here: Here) -> None:
        with stand_in(here.answer) as server:
            first = read(here, server)
            here.items += items(40, first=1_000)
            second = read(here, server, first[-1].cursor, started_at=NOW + timedelta(days=1), horizon=NOW)
        assert set(range(1_000, 1_040)) <= set(numbers(here, second))

    def test_without_anything_new_ends_soon_and_brings_nothing_unknown(self, here: Here) -> None:
        with stand_in(here.answer) as server:
            first = read(here, server)
            asked = len(server.asked)
            second = read(here, server, first[-1].cursor)
        assert set(numbers(here, second)) <= everything(here)
        assert len(server.asked) - asked <= asked

    def test_survives_repeats_and_disorder(self, here: Here) -> None:
        shuffled = [*here.items, *here.items[:20]]
        random.Random(7).shuffle(shuffled)
        here.items = shuffled
        with stand_in(here.answer) as server:
            assert set(numbers(here, read(here, server))) == everything(here)

    def test_of_an_empty_service_ends(self, here: Here) -> None:
        here.items = []
        with stand_in(here.answer) as server:
            assert numbers(here, read(here, server)) == []

    def test_asks_for_nothing_after_the_horizon_and_finds_it_the_next_night(self, here: Here) -> None:
        horizon = NOW - timedelta(hours=19)
        late = {item.number for item in here.items if item.at > horizon}
        assert late
        with stand_in(here.answer) as server:
            first = read(here, server, horizon=horizon)
            second = read(here, server, first[-1].cursor)
        assert set(numbers(here, first)) == everything(here) - late
        assert late <= set(numbers(here, second))

    def test_is_entered_in_the_record_of_requests(self, here: Here) -> None:
        with stand_in(here.answer) as server:
            call = a_call_of(here, server)
            pages = list(here.connector(server.url).pages(call, None))
        rows = call.web.log.frame()  # type: ignore[attr-defined]
        assert rows["records"].sum() == sum(len(page.records) for page in pages)
        assert rows["cursor"].drop_nulls().len() > 0


PASSING = {
    "told to wait": Reply(429, headers={"Retry-After": "1"}),
    "overloaded": Reply(503),
    "broken": Reply(500, "oops"),
    "cut off": Reply(body=b'[{"id": "1', cut_after=4),
    "silent": Reply(body=b"[]", wait_seconds=0.6),
}


class TestTrouble:
    @pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING)
    def test_that_passes_costs_nothing(self, here: Here, trouble: Reply) -> None:
        limits = IMPATIENT if trouble.wait_seconds else USUAL
        with stand_in(_first(trouble, here.answer)) as server:
            assert set(numbers(here, read(here, server, limits=limits))) == everything(here)

    @pytest.mark.parametrize(
        ("reply", "kind"),
        [
            (Reply(401, {"error": "who"}), NotPermitted),
            (Reply(403, {"error": "forbidden"}), NotPermitted),
            (Reply(404, "no such thing"), SourceFailed),
            (Reply(410), ServiceRefused),
            (Reply(503), ServiceUnavailable),
            (Reply(body="<html>Please log in</html>"), SourceFailed),
            (Reply(body={"a": "surprise"}), SourceFailed),
            (Reply(body=b"\xff\xfe\x00"), SourceFailed),
        ],
        ids=lambda value: str(value.status) if isinstance(value, Reply) else value.__name__,
    )
    def test_that_stays_is_said_in_words_without_secrets(self, here: Here, reply: Reply, kind: type[Exception]) -> None:
        with stand_in(lambda asked: reply) as server:
            if reply.body == {"a": "surprise"} and isinstance(here, YouTubeHere):
                # Google leaves empty fields out, so this is an empty page.
                assert numbers(here, read(here, server)) == []
                return
            with pytest.raises(kind) as failed:
                read(here, server)
        assert SECRET not in str(failed.value) + repr(failed.value)
        assert "\n" not in str(failed.value)

    def test_half_way_keeps_what_came_and_goes_on_from_there(self, here: Here) -> None:
        whole = everything(here)
        with stand_in(here.answer) as server:
            read(here, server)
            requests = len(server.asked)
        got: set[int] = set()
        cursor: Cursor | None = None
        for survives in range(1, requests, max(1, requests // 5)):
            with stand_in(_dies_after(survives, here.answer)) as server:
                pages = list(_as_far_as_it_goes(here.connector(server.url), a_call_of(here, server), cursor))
            got |= set(numbers(here, pages))
            cursor = pages[-1].cursor if pages else cursor
        with stand_in(here.answer) as server:
            got |= set(numbers(here, read(here, server, cursor)))
        assert got == whole


class TestSecrets:
    def test_are_in_no_address_no_bookmark_and_no_record(self, here: Here) -> None:
        with stand_in(here.answer) as server:
            call = a_call_of(here, server)
            pages = list(here.connector(server.url).pages(call, None))
        assert SECRET not in str([(asked.path, asked.query) for asked in server.asked])
        assert SECRET not in str([page.cursor for page in pages])
        assert SECRET not in str(call.web.log.frame().rows())  # type: ignore[attr-defined]
        assert SECRET not in repr(call)

    def test_that_are_wrong_are_said_to_be(self, here: Here) -> None:
        if not here.secrets:
            pytest.skip("the service has none")
        wrong = dict.fromkeys(here.secrets, "another-value")
        with stand_in(here.answer) as server:
            call = a_call_of(here, server, secrets=wrong)
            with pytest.raises(NotPermitted):
                here.connector(server.url).probe(call)


class TestProbe:
    def test_says_in_one_line_that_all_is_well(self, here: Here) -> None:
        with stand_in(here.answer) as server:
            words = here.connector(server.url).probe(a_call_of(here, server))
            assert len(server.asked) <= 3
        assert words
        assert "\n" not in words
        assert SECRET not in words

    @pytest.mark.parametrize("status", [401, 404, 503])
    def test_fails_as_reading_would(self, here: Here, status: int) -> None:
        with stand_in(lambda asked: Reply(status)) as server, pytest.raises(SourceFailed):
            here.connector(server.url).probe(a_call_of(here, server))


class TestDescription:
    def test_every_option_and_secret_has_a_meaning(self, here: Here) -> None:
        connector = here.connector("https://service.example")
        assert all(option.description for option in connector.options.model_fields.values())
        assert all(secret.meaning for secret in connector.secrets)
        assert "https://" in connector.terms


@pytest.mark.parametrize("make", SERVICES, ids=lambda make: make.__name__)
@settings(max_examples=15, deadline=None)
@given(
    rounds=st.lists(st.lists(st.integers(1, 1_000), max_size=30), min_size=1, max_size=4),
    fails=st.lists(st.booleans(), max_size=25),
    order=st.randoms(use_true_random=False),
)
def test_any_interleaving_of_arrivals_and_crashes_ends_with_everything(
    make: Callable[[], Here], rounds: list[list[int]], fails: list[bool], order: random.Random
) -> None:
    """Items come in rounds, each later than the one before; requests fail as they like; the last reading is whole."""
    here, failing = make(), iter(fails)
    got: set[int] = set()
    cursor: Cursor | None = None
    for number, arrivals in enumerate([*rounds, []]):
        start = NOW - timedelta(hours=20) + timedelta(hours=4 * number)
        new = [Item(10_000 * number + one, start + timedelta(seconds=12 * one)) for one in arrivals]
        order.shuffle(new)
        here.items += new
        is_last = number == len(rounds)
        pages = _direct(here, cursor, iter(()) if is_last else failing, hours=25 * number)
        got |= set(numbers(here, pages))
        cursor = pages[-1].cursor if pages else cursor
    assert got == everything(here)


def _direct(here: Here, cursor: Cursor | None, fails: Iterator[bool], *, hours: int) -> list[Page]:
    url = "https://service.example"
    call = a_call(
        StandIn(1),
        options=here.options(url),
        secrets=here.secrets,
        started_at=NOW + timedelta(hours=hours),
        horizon=NOW,
    )
    call = Call(call.context, call.options, DirectWeb(here.answer, fails), call.secrets, call.started_at)
    return list(_as_far_as_it_goes(here.connector(url), call, cursor))


def _as_far_as_it_goes(connector: Connector, call: Call, cursor: Cursor | None) -> Iterator[Page]:
    with suppress(ServiceUnavailable):
        yield from connector.pages(call, cursor)


def _first(reply: Reply, then: Answering) -> Answering:
    """One answer of this kind, then the real ones."""
    turn = itertools.count()
    return lambda asked: reply if next(turn) == 0 else then(asked)


def _dies_after(requests: int, answer: Answering) -> Answering:
    turn = itertools.count()

    def dying(asked: Asked) -> Reply:
        return answer(asked) if next(turn) < requests else Reply(500)

    return dying
