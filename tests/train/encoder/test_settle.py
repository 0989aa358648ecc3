"""Calibration and decisions from validation scores."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from barometer.classify.linear import FITTED_CLASSES, calibrated
from barometer.tables import LABEL_HEADS
from barometer.train.calibrate import expected_calibration_error
from barometer.train.encoder.settle import TOWARDS_BALANCE, priors_of, settled
from barometer.train.scores import codes
from tests.train.made import frame, many

POSTS = frame(*many(0, 240))


def overconfident(posts: pl.DataFrame, *, right: float = 0.8, seed: int = 1) -> dict[str, np.ndarray]:
    """Scores that name the true class four times in five and are always all but certain."""
    generator = np.random.default_rng(seed)
    scores = {}
    for head, classes in FITTED_CLASSES.items():
        truth = [classes.index(value) if value in classes else 0 for value in posts[head]]
        named = np.where(generator.random(len(truth)) < right, truth, generator.integers(0, len(classes), len(truth)))
        scores[head] = np.eye(len(classes))[named] * 9.0
    return scores


def test_overconfident_scores_are_cooled() -> None:
    found = settled(overconfident(POSTS), POSTS, priors_of(POSTS))
    assert all(part["temperature"] > 1 for part in found["calibration"].values())


def test_calibration_carries_over_to_other_posts() -> None:
    found = settled(overconfident(POSTS), POSTS, priors_of(POSTS))["calibration"]["trust"]
    others = overconfident(POSTS, seed=2)["trust"]
    truth = codes(POSTS["trust"], FITTED_CLASSES["trust"])
    before = expected_calibration_error(calibrated(others, 1.0, np.zeros(1)), truth)
    after = expected_calibration_error(calibrated(others, found["temperature"], np.array(found["shift"])), truth)
    assert after < before / 2


def test_there_is_one_offset_a_class_and_none_for_the_target_none() -> None:
    offsets = settled(overconfident(POSTS), POSTS, priors_of(POSTS))["offsets"]
    assert {head: len(values) for head, values in offsets.items()} == {h: len(c) for h, c in LABEL_HEADS.items()}
    assert offsets["target"][LABEL_HEADS["target"].index("none")] == 0.0


def test_offsets_are_a_share_of_how_rare_a_class_is() -> None:
    priors = priors_of(POSTS)
    offsets = settled(overconfident(POSTS), POSTS, priors)["offsets"]
    shares = np.array(offsets["trust"]) / -np.log(priors["trust"])
    assert shares == pytest.approx(np.full(3, shares[0]), abs=1e-3)
    assert any(abs(shares[0] - share) < 1e-3 for share in TOWARDS_BALANCE)


def test_shares_of_classes_add_up_and_no_class_is_impossible() -> None:
    priors = priors_of(POSTS.filter(pl.col("hostile") == "no"))
    assert all(values.sum() == pytest.approx(1.0) for values in priors.values())
    assert all((values > 0).all() for values in priors.values())


def test_the_targets_shares_are_of_posts_that_have_one() -> None:
    assert len(priors_of(POSTS)["target"]) == len(FITTED_CLASSES["target"])
