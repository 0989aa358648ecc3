"""Reading side by side keeps the order, and a missing library is one line."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.runtime import libraries, side_by_side
from barometer.errors import BadConfiguration


@given(st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=20))
def test_answers_come_in_the_order_of_what_was_asked(several: list[list[int]]) -> None:
    assert side_by_side(sum, several) == [sum(some) for some in several]


def test_what_goes_wrong_in_one_is_not_swallowed() -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda some: 1 // len(some), [[1], []])


@pytest.mark.parametrize("missing", ["onnxruntime", "tokenizers"])
def test_a_missing_library_says_what_needs_it_and_what_to_run(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(BadConfiguration, match=r"model sentences needs onnxruntime and tokenizers .*run `make env`"):
        libraries("sentences")
