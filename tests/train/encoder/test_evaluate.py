"""Figures that follow from a model's files, whatever kind it is, and how they are compared with those stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from barometer.errors import BadInput
from barometer.tables import LABEL_HEADS
from barometer.train.encoder import evaluate as module
from tests.classify.few_scores import an_encoder
from tests.classify.made import a_model, written
from tests.train.encoder.tiny import a_full_data_folder
from tests.train.made import frame, many

POSTS = frame(*many(0, 60))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return a_full_data_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def figures(folder: tuple[Path, Path]) -> dict[str, Any]:
    return module.evaluate(a_model(), data=folder[0], sample=folder[1])


def test_every_part_of_the_card_is_there(figures: dict[str, Any]) -> None:
    assert set(figures) == {
        "dev",
        "dev_by_length",
        "calibration_dev",
        "passes_disagreed",
        "swaps",
        "hatecheck",
        "viratrust",
        "tweeteval_hate",
        "probes",
        "veracity",
    }


def test_a_model_of_the_right_words_scores_well_and_is_beside_its_interval(figures: dict[str, Any]) -> None:
    hostile = figures["dev"]["hostile"]["all"]
    assert hostile["macro_f1"] == 1.0
    assert hostile["lower"] <= hostile["macro_f1"] <= hostile["upper"]


def test_measuring_twice_gives_the_same_figures(figures: dict[str, Any], folder: tuple[Path, Path]) -> None:
    again = module.evaluate(a_model(), data=folder[0], sample=folder[1])
    assert again == figures
    assert module.differences(figures, again) == []


def test_a_linear_model_has_no_probes_and_no_unscaled_error(figures: dict[str, Any]) -> None:
    assert figures["probes"] == figures["veracity"] == {}
    assert "before" not in figures["calibration_dev"]["trust"]


def test_posts_fall_into_ranges_of_length() -> None:
    posts = frame(*({**post, "text": "x" * n} for post, n in zip(many(0, 4), (1, 80, 81, 500), strict=True)))
    assert module.with_length(posts)["length"].to_list() == [
        "0-80 characters",
        "0-80 characters",
        "81-140 characters",
        "141-10000 characters",
    ]


def test_calibration_of_an_encoder_is_told_before_and_after() -> None:
    model, _, _ = an_encoder()
    found = model.predict(POSTS["text"].to_list())
    errors = module.calibration(model, POSTS, found)
    assert errors["target"]["posts"] == POSTS.filter(pl.col("target") != "none").height
    for head in LABEL_HEADS:
        # With a neutral calibration nothing is scaled.
        assert errors[head]["before"] == pytest.approx(errors[head]["after"], abs=1e-4)


def test_swaps_count_labels_that_move() -> None:
    named = ({**post, "text": f"{post['text']} in wyke"} for post in many(0, 5))
    still = module.swaps(a_model(), frame(*named))
    assert still["posts"] == 5
    assert still["listed"]["pairs"] > still["others"]["pairs"] > 0
    assert all(still["listed"][head] == 0.0 for head in LABEL_HEADS)


class MovedByAName:
    """Calls every text hostile that names a Hindu."""

    name, version, heads = "moved", "1", LABEL_HEADS

    def predict(self, texts: list[str]) -> pl.DataFrame:
        found = a_model().predict(texts)
        is_named = pl.Series(["hindu" in text for text in texts], dtype=pl.Boolean)
        return found.with_columns(hostile=pl.when(is_named).then(pl.lit("yes")).otherwise(pl.lit("no")))


def test_swaps_find_a_model_that_a_name_moves() -> None:
    posts = frame({**many(0, 1)[0], "text": "the sikh choir sang"})
    found = module.swaps(MovedByAName(), posts)
    assert found["listed"]["hostile"] == pytest.approx(1 / found["listed"]["pairs"], abs=1e-4)
    assert found["others"]["hostile"] == 0.0
    assert found["listed"]["trust"] == 0.0


def test_without_named_posts_nothing_flips() -> None:
    assert module.swaps(a_model(), POSTS)["listed"] == {"pairs": 0, **dict.fromkeys(LABEL_HEADS, 0.0)}


def test_right_answers_are_counted_apart_where_the_passes_disagreed(tmp_path: Path) -> None:
    gold = tmp_path / "posts" / "trust_gold"
    gold.mkdir(parents=True)
    lines = [f'{{"id": "x{n}", "passes_agreed": {"true" if n else "false"}}}' for n in range(3)]
    (gold / "posts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    dev = frame(*many(0, 3))
    found = module.disagreed(tmp_path, dev, dev.with_columns(trust=pl.lit("none")))
    assert (found["agreed"]["posts"], found["disagreed"]["posts"]) == (2, 1)
    assert found["disagreed"]["trust"] == 0.0
    assert found["agreed"]["hostile"] == 1.0


@pytest.mark.parametrize(
    ("stored", "again", "count"),
    [
        ({"a": {"b": 0.5}}, {"a": {"b": 0.5}}, 0),
        ({"a": {"b": 0.5}}, {"a": {"b": 0.504}}, 0),
        ({"a": {"b": 0.5}}, {"a": {"b": 0.6}}, 1),
        ({"a": {}}, {"a": {"b": 0.6}}, 1),
        ({"a": 1, "extra": 2}, {"a": 1}, 0),
        ({"a": None}, {"a": None}, 0),
    ],
)
def test_only_what_differs_by_more_than_rounding_is_told(stored: Any, again: Any, count: int) -> None:
    assert len(module.differences(stored, again)) == count


def test_a_difference_says_which_figure_and_both_values() -> None:
    assert module.differences({"dev": {"trust": 0.8}}, {"dev": {"trust": 0.7}}) == ["dev.trust: stored 0.8, now 0.7"]


def test_figures_are_stored_beside_the_model_and_found_again(tmp_path: Path) -> None:
    written(tmp_path, "few-words")
    module.write_figures(tmp_path / "few-words", {"a": 1.5})
    assert module.stored_figures(tmp_path / "few-words") == {"a": 1.5}
    # The linear model's own metrics.json is of another form and is not touched.
    assert module.figures_file(tmp_path / "few-words").name == "evaluation.json"


def test_missing_figures_are_refused_with_what_to_do(tmp_path: Path) -> None:
    written(tmp_path, "few-words")
    with pytest.raises(BadInput, match="--write"):
        module.stored_figures(tmp_path / "few-words")


def test_probabilities_of_a_target_are_judged_given_that_there_is_one() -> None:
    model, _, _ = an_encoder()
    posts = POSTS.filter(pl.col("target") != "none")
    found = model.predict(posts["text"].to_list())
    scaled = found.with_columns(target_none=pl.lit(0.5))
    one, other = (module.calibration(model, posts, frame_)["target"]["after"] for frame_ in (found, scaled))
    assert one == other
    assert np.isfinite(one)
