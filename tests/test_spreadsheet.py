"""No cell of text begins like a formula, numbers stay numbers, and nothing is lost."""

from __future__ import annotations

import csv
from io import StringIO

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.spreadsheet import guard, to_csv, unguard

DANGEROUS = "=+-@\t\r\n＝＋－＠"
HOSTILE = st.one_of(
    st.text(),
    st.builds(lambda start, rest: start + rest, st.sampled_from(DANGEROUS), st.text()),
    st.builds(lambda quotes, start: "'" * quotes + start, st.integers(0, 3), st.sampled_from(DANGEROUS)),
    st.none(),
)


@given(st.lists(HOSTILE, min_size=1, max_size=10))
def test_no_text_begins_like_a_formula(names: list[str | None]) -> None:
    text = to_csv(pl.DataFrame({"name": names, "n": [-1.5] * len(names)}, schema={"name": pl.String, "n": pl.Float64}))
    cells = [row[0] for row in csv.reader(StringIO(text, newline=""))][1:]
    assert len(cells) == len(names)
    assert all(not cell or cell[0] not in DANGEROUS for cell in cells)


@given(st.lists(HOSTILE, max_size=10))
def test_nothing_is_lost(names: list[str | None]) -> None:
    frame = pl.DataFrame({"name": names}, schema={"name": pl.String})
    assert unguard(guard(frame)).equals(frame)


def test_numbers_stay_numbers() -> None:
    assert to_csv(pl.DataFrame({"change": [-0.5, None, 2.0]})) == "change\n-0.5\n\n2.0\n"


@pytest.mark.parametrize("name", ["Åkeslund-Norra", "O'Connell", "St. Mary's", "'t Zand", "1-2"])
def test_honest_names_are_left_alone(name: str) -> None:
    frame = pl.DataFrame({"name": [name]})
    assert guard(frame).equals(frame)
