"""A host is asked no more often than it allows, by all threads and processes of a machine together."""

from __future__ import annotations

import multiprocessing
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import ServiceUnavailable
from barometer.ingest.live.budget import FAILURES_IN_A_ROW, LONGEST_WAIT_SECONDS, REST_SECONDS, Budget
from tests.ingest.live.stand_in import FakeClock, a_budget

HOST = "forum.example:443"
MODERN = multiprocessing.get_context("fork")


def times_of(budget: Budget, clock: FakeClock, rates: list[float], pauses: list[float]) -> list[float]:
    times = []
    for rate, pause in zip(rates, pauses, strict=True):
        clock.now += pause
        budget.take(HOST, rate)
        times.append(clock.now)
    return times


@given(
    rates=st.lists(st.floats(0.1, 50), min_size=2, max_size=12),
    pauses=st.lists(st.floats(0, 5), min_size=12, max_size=12),
)
def test_every_request_keeps_its_distance_from_the_one_before(rates: list[float], pauses: list[float]) -> None:
    clock = FakeClock()
    times = times_of(a_budget(clock), clock, rates, pauses[: len(rates)])
    for before, after, rate in zip(times, times[1:], rates, strict=False):
        assert after - before >= 1 / rate - 1e-6


@given(st.integers(1, 20))
def test_no_more_than_needed_is_waited(count: int) -> None:
    clock = FakeClock()
    budget, began = a_budget(clock), clock.now
    for _ in range(count):
        budget.take(HOST, 2.0)
    assert clock.now - began == pytest.approx((count - 1) / 2, abs=1e-5)


def test_hosts_do_not_wait_for_each_other() -> None:
    clock = FakeClock()
    budget = a_budget(clock)
    for host in ("one:443", "two:443"):
        budget.take(host, 0.1)
    assert not clock.slept


def take_some(folder: Path, host: str, taken: list[float]) -> None:
    budget = Budget(folder)
    for _ in range(4):
        budget.take(host, 40.0)
        taken.append(time.time())


def test_threads_share_a_budget(tmp_path: Path) -> None:
    taken: list[float] = []
    threads = [threading.Thread(target=take_some, args=(tmp_path, HOST, taken)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(taken) - min(taken) >= 15 / 40 - 0.03


def test_processes_share_a_budget(tmp_path: Path) -> None:
    processes = [MODERN.Process(target=take_some, args=(tmp_path, HOST, [])) for _ in range(3)]
    began = time.time()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert time.time() - began >= 11 / 40


def test_a_host_that_asks_us_to_wait_is_left_alone_by_all(tmp_path: Path) -> None:
    clock = FakeClock()
    a_budget(clock, tmp_path).hold(HOST, 30)
    a_budget(clock, tmp_path).take(HOST, 10)
    assert sum(clock.slept) == pytest.approx(30)


def test_a_shorter_wait_does_not_undo_a_longer_one(tmp_path: Path) -> None:
    clock = FakeClock()
    budget = a_budget(clock, tmp_path)
    budget.hold(HOST, 30)
    budget.hold(HOST, 3)
    budget.take(HOST, 10)
    assert sum(clock.slept) == pytest.approx(30)


def test_a_wait_longer_than_a_task_is_left_to_a_later_one(tmp_path: Path) -> None:
    clock = FakeClock()
    budget = a_budget(clock, tmp_path)
    budget.hold(HOST, LONGEST_WAIT_SECONDS + 1)
    with pytest.raises(ServiceUnavailable, match="asks us to wait"):
        budget.take(HOST, 10)
    assert not clock.slept


class TestAfterFailures:
    def failing(self, folder: Path, clock: FakeClock, times: int) -> Budget:
        budget = a_budget(clock, folder)
        for _ in range(times):
            budget.failed(HOST)
        return budget

    def test_a_few_are_borne(self, tmp_path: Path) -> None:
        self.failing(tmp_path, FakeClock(), FAILURES_IN_A_ROW - 1).take(HOST, 10)

    def test_then_it_is_left_alone_at_once_and_by_all(self, tmp_path: Path) -> None:
        clock = FakeClock()
        self.failing(tmp_path, clock, FAILURES_IN_A_ROW)
        with pytest.raises(ServiceUnavailable, match="left alone") as failed:
            a_budget(clock, tmp_path).take(HOST, 10)
        assert failed.value.status == "resting"
        assert not clock.slept

    def test_and_after_the_rest_one_failure_is_enough(self, tmp_path: Path) -> None:
        clock = FakeClock()
        budget = self.failing(tmp_path, clock, FAILURES_IN_A_ROW)
        clock.sleep(REST_SECONDS + 1)
        budget.take(HOST, 10)
        budget.failed(HOST)
        with pytest.raises(ServiceUnavailable):
            budget.take(HOST, 10)

    def test_a_success_makes_it_good(self, tmp_path: Path) -> None:
        clock = FakeClock()
        budget = self.failing(tmp_path, clock, FAILURES_IN_A_ROW - 1)
        budget.succeeded(HOST)
        budget.failed(HOST)
        budget.take(HOST, 10)


@pytest.mark.parametrize("content", ["", "no json", "[]", '{"next": 9e12}', '{"unknown": 1}', '{"next": "later"}'])
def test_a_broken_file_or_clock_stops_nothing(tmp_path: Path, content: str) -> None:
    budget = a_budget(FakeClock(), tmp_path)
    budget.take(HOST, 10)
    (file,) = tmp_path.iterdir()
    file.write_text(content)
    budget.take(HOST, 10)
