"""BM25 against its formula, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.bm25 import K1, B, fit_bm25

DOCUMENTS = ["the library closes", "the library library opens today", "water"]


def by_hand(term: str, document: int) -> float:
    words = [text.split() for text in DOCUMENTS]
    held = sum(term in some for some in words)
    inverse = math.log(1 + (len(words) - held + 0.5) / (held + 0.5))
    count, length = words[document].count(term), len(words[document])
    mean = sum(map(len, words)) / len(words)
    return inverse * count * (K1 + 1) / (count + K1 * (1 - B + B * length / mean))


@pytest.mark.parametrize("question", ["library", "library today", "the water", "zeppelin"])
def test_scores_are_the_formula(question: str) -> None:
    found = fit_bm25(DOCUMENTS, str.split).scores([question])[0]
    expected = [sum(by_hand(term, d) for term in question.split() if term != "zeppelin") for d in range(3)]
    assert found == pytest.approx(expected)


def test_a_repeated_word_of_the_question_counts_once() -> None:
    fitted = fit_bm25(DOCUMENTS, str.split)
    assert np.array_equal(fitted.scores(["library library"]), fitted.scores(["library"]))


def test_no_questions_have_no_scores() -> None:
    assert fit_bm25(DOCUMENTS, str.split).scores([]).shape == (0, 3)


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6))
def test_scores_are_never_negative_and_a_document_finds_itself(words: list[str]) -> None:
    documents = [" ".join(words), "g h", "i"]
    scores = fit_bm25(documents, str.split).scores(documents)
    assert (scores >= 0).all()
    assert scores.argmax(axis=1).tolist() == [0, 1, 2]
