"""Connected designs: what can be compared with what."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.crossing import largest_crossing


def crossing(*pairs: tuple[int, int]) -> tuple[list[bool], int, int, int]:
    left, right = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    found = largest_crossing(left, right)
    return found.rows.tolist(), found.left, found.right, found.spare_pairs


def test_nothing_crosses_nothing() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert largest_crossing(none, none)[1:] == (0, 0, 0)


def test_a_full_table_has_pairs_to_spare() -> None:
    rows, left, right, spare = crossing(*[(i, j) for i in range(4) for j in range(3)])
    assert (all(rows), left, right, spare) == (True, 4, 3, 4 * 3 - (4 + 3 - 1))


def test_a_chain_has_none_to_spare() -> None:
    assert crossing((0, 0), (1, 0), (1, 1), (2, 1), (2, 2)) == ([True] * 5, 3, 3, 0)


def test_the_larger_part_is_taken() -> None:
    rows, left, right, spare = crossing((0, 0), (0, 1), (1, 0), (1, 1), (2, 2))
    assert rows == [True] * 4 + [False]
    assert (left, right, spare) == (2, 2, 1)


def test_raters_of_one_area_each_tie_nothing_together() -> None:
    rows, left, right, _ = crossing((0, 0), (1, 1), (2, 1), (3, 2))
    assert rows == [False, True, True, False]
    assert (left, right) == (2, 1)


def test_repeated_pairs_count_once() -> None:
    assert crossing((0, 0), (0, 0), (0, 1))[3] == 0


@given(
    pairs=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=30), shift=st.integers(1, 9)
)
def test_a_part_is_closed_whatever_the_codes(pairs: list[tuple[int, int]], shift: int) -> None:
    rows, left, right, spare = crossing(*pairs)
    inside = {pair for pair, is_in in zip(pairs, rows, strict=True) if is_in}
    outside = set(pairs) - inside
    # then no level of the part appears outside it, and its tree of pairs is complete
    assert not {i for i, _ in inside} & {i for i, _ in outside}
    assert not {j for _, j in inside} & {j for _, j in outside}
    assert spare == len(inside) - (left + right - 1) >= 0
    assert sum(rows) >= len(pairs) / min(7, len(set(pairs)))
    moved = crossing(*[(i + shift, j) for i, j in pairs])
    assert moved[1:] == pytest.approx((left, right, spare))
