"""The city's words as directions: what counts, what does not, and how near is near."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from barometer.classify.embed import (
    CLOSENESS_WHEN_UNPLACED,
    STEPS_BETWEEN_PLACES,
    Closeness,
    Remembered,
    Rows,
    concentration_of_words,
    days_of,
    fit_city_words,
    stem,
    stems,
)
from tests.classify.made import NOON

# Four neighbourhoods in a row.
ROW = Closeness(["A", "B", "C", "D"], [("A", "B"), ("B", "C"), ("C", "D")])


def said(*posts: tuple[str, int, str | None]) -> pl.DataFrame:
    """Posts of (text, day, area)."""
    return pl.DataFrame(
        {
            "text": [text for text, _, _ in posts],
            "created_at": [NOON + timedelta(days=day) for _, day, _ in posts],
            "area": pl.Series([area for _, _, area in posts], dtype=pl.String),
        }
    )


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("closing", "clos"),
        ("closed", "clos"),
        ("closes", "clos"),
        ("bus", "bus"),
        ("library's", "library"),
        ("as", "as"),
    ],
)
def test_endings_go_and_three_letters_stay(word: str, expected: str) -> None:
    assert stem(word) == expected


def test_masks_stop_words_and_hearsay_say_nothing() -> None:
    assert stems("@user Apparently they say the library is closing http [name]") == ["library", "clos"]


@given(st.text(max_size=80))
def test_any_text_has_stems_or_none(text: str) -> None:
    assert all(len(word) >= 2 for word in stems(text))


def test_neighbourhoods_are_close_by_the_steps_between_them() -> None:
    assert ROW.matrix[0, 0] == 1.0
    assert ROW.matrix[0, 3] == pytest.approx(np.exp(-3 / STEPS_BETWEEN_PLACES))
    assert np.array_equal(ROW.matrix, ROW.matrix.T)


def test_what_is_nowhere_or_unknown_is_close_to_nothing() -> None:
    assert ROW.numbers(["B", None, "elsewhere"]).tolist() == [1, 4, 4]
    assert set(ROW.matrix[4]) == {CLOSENESS_WHEN_UNPLACED}


def test_an_island_is_close_to_itself_alone() -> None:
    islands = Closeness(["A", "B"], [])
    assert islands.matrix[:2, :2].tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_a_city_without_neighbourhoods_has_a_map_all_the_same() -> None:
    assert Closeness([], []).matrix.tolist() == [[CLOSENESS_WHEN_UNPLACED]]


def test_days_are_days() -> None:
    days = days_of(said(("x", 0, None), ("x", 3, None))["created_at"])
    assert days[1] - days[0] == pytest.approx(3.0)


def by_hand(rows: list[int], days: np.ndarray, areas: np.ndarray) -> float:
    """Sum of closeness over pairs of different posts among `rows`, and their number."""
    total = [
        ROW.matrix[areas[i], areas[j]] * np.exp(-abs(np.floor(days[i]) - np.floor(days[j])) / 7)
        for i in rows
        for j in rows
        if i != j
    ]
    return float(np.sum(total))


def test_concentration_is_the_mean_closeness_of_pairs_beside_the_usual() -> None:
    # given a word of three posts among six
    posts = said(
        *((f"w{i}", day, area) for i, (day, area) in enumerate(zip([0, 1, 9, 0, 20, 40], "AABDCD", strict=True)))
    )
    words = fit_city_words(said(("w w", 0, "A"), ("w w", 0, "A")), ROW)
    days, areas = days_of(posts["created_at"]), ROW.numbers(posts["area"])
    uses = words.vectoriser.transform(["zzz", "zzz", "zzz", "", "", ""]).astype(bool).astype(float).tocsr()
    place = words.vectoriser.vocabulary_["zzz"]
    # then the figure is that of the formula, worked out pair by pair
    usual = by_hand(list(range(6)), days, areas) / (6 * 5 + 2)
    expected = (by_hand([0, 1, 2], days, areas) + 2 * usual) / (3 * 2 + 2) / usual
    assert concentration_of_words(uses, days, areas, ROW)[place] == pytest.approx(np.log(expected))


def test_a_word_of_one_place_and_time_outweighs_one_that_is_as_rare() -> None:
    # given two words of three posts each: one within two days in a neighbourhood, one all over
    local = [("catchment", day, "A") for day in (10, 11, 11)]
    spread = [("umbrella", day, area) for day, area in ((0, "A"), (20, "C"), (40, "D"))]
    others = [(f"word{n} thing", n, "ABCD"[n % 4]) for n in range(40)]
    words = fit_city_words(said(*local, *spread, *others), ROW)
    weight = dict(zip(words.vectoriser.get_feature_names_out(), words.weights, strict=True))
    assert weight["catchment"] > 2 * weight["umbrella"] > 0


def test_rows_are_unit_or_zero() -> None:
    words = fit_city_words(said(("library flats", 0, "A"), ("library flats", 1, "B")), ROW)
    rows = words.embed(["library", "flats and library", "zeppelin", ""])
    assert np.sqrt(rows.multiply(rows).sum(axis=1)).A1.round(9).tolist() == [1.0, 1.0, 0.0, 0.0]


def test_a_text_is_a_row_whatever_stands_beside_it() -> None:
    words = fit_city_words(said(("library flats", 0, "A"), ("library flats", 1, "B")), ROW)
    both, one = words.embed(["flats", "library"]), words.embed(["library"])
    assert (both[1] - one[0]).nnz == 0


def test_a_city_without_posts_has_words_all_the_same() -> None:
    words = fit_city_words(said().with_columns(pl.col("created_at").cast(pl.Datetime("us", "UTC"))), ROW)
    assert words.embed(["library"]).nnz == 0


class Counting:
    """An embedder that counts what it reads."""

    def __init__(self, *, is_sparse: bool) -> None:
        self.read: list[str] = []
        self._is_sparse = is_sparse

    def embed(self, texts: Sequence[str]) -> Rows:
        self.read.extend(texts)
        rows = np.array([[len(text), 1.0] for text in texts], dtype=np.float32)
        return sparse.csr_matrix(rows) if self._is_sparse else rows


@pytest.mark.parametrize("is_sparse", [True, False])
def test_a_text_is_read_once_and_its_row_given_each_time(is_sparse: bool) -> None:
    inner = Counting(is_sparse=is_sparse)
    remembered = Remembered(inner)
    first = remembered.embed(["aa", "b", "aa"])
    again = remembered.embed(["b", "ccc"])
    assert inner.read == ["aa", "b", "ccc"]
    assert first[:, 0].tolist() == [2, 1, 2]
    assert again[:, 0].tolist() == [1, 3]
    assert remembered.embed([]).shape[0] == 0
