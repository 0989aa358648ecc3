"""Tests elsewhere: scored right, and never on what was learnt from."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from barometer.train.external import WATCHED_FUNCTIONS, hatecheck, tweeteval_hate, viratrust
from tests.classify.made import a_model
from tests.train.made import a_data_folder


def says(hostile: str = "no", trust: str = "none") -> object:
    """A model that says the same of everything."""
    return lambda texts: pl.DataFrame({"hostile": [hostile] * len(texts), "trust": [trust] * len(texts)})


def folder_of(tmp_path: Path) -> Path:
    return a_data_folder(tmp_path)[0] / "posts"


def test_hatecheck_is_scored_by_functionality_and_group(tmp_path: Path) -> None:
    # given a model that finds hostility in one word
    result = hatecheck(a_model().predict, folder_of(tmp_path) / "hatecheck")
    assert result["cases"] == 10
    assert (result["accuracy"], result["accuracy_hateful"], result["accuracy_not_hateful"]) == (1.0, 1.0, 1.0)
    assert result["by_functionality"]["derog_neg_emote_h"] == {"cases": 6, "accuracy": 1.0}
    assert result["by_group"] == {"immigrants": {"cases": 3, "accuracy": 1.0}, "women": {"cases": 3, "accuracy": 1.0}}


def test_a_model_that_never_finds_hate_fails_the_hateful_half(tmp_path: Path) -> None:
    result = hatecheck(says("no"), folder_of(tmp_path) / "hatecheck")  # type: ignore[arg-type]
    assert (result["accuracy_hateful"], result["accuracy_not_hateful"], result["accuracy"]) == (0.0, 1.0, 0.4)


def test_a_model_that_always_finds_hate_fails_what_is_watched(tmp_path: Path) -> None:
    result = hatecheck(says("yes"), folder_of(tmp_path) / "hatecheck")  # type: ignore[arg-type]
    assert all(result["by_functionality"][name]["accuracy"] == 0.0 for name in WATCHED_FUNCTIONS)


def test_viratrusts_four_classes_are_folded_into_three(tmp_path: Path) -> None:
    # both kinds of low trust are distrust
    result = viratrust(a_model().predict, folder_of(tmp_path) / "viratrust", set())
    assert result["posts"] == 12
    assert result["macro_f1"] == 1.0


def test_what_was_learnt_from_is_left_out_and_counted(tmp_path: Path) -> None:
    learnt_from = {"liars a", "liars crooked b"}
    result = viratrust(a_model().predict, folder_of(tmp_path) / "viratrust", learnt_from)
    assert (result["posts"], result["left_out_as_learnt_from"]) == (10, 2)


@pytest.mark.parametrize(("answer", "expected"), [("yes", 0.8), ("no", 0.0)])
def test_tweeteval_hate_is_scored_on_the_hostile_head(tmp_path: Path, answer: str, expected: float) -> None:
    folder = folder_of(tmp_path) / "tweeteval" / "datasets" / "hate"
    result = tweeteval_hate(says(answer), folder, set())  # type: ignore[arg-type]
    assert result["classes"]["yes"] == pytest.approx(expected)


def test_the_real_tests_have_the_sizes_they_should(shared_data: Path) -> None:
    posts = shared_data / "posts"
    assert hatecheck(says(), posts / "hatecheck")["cases"] == 3728  # type: ignore[arg-type]
    assert tweeteval_hate(says(), posts / "tweeteval" / "datasets" / "hate", set())["posts"] == 2970  # type: ignore[arg-type]
