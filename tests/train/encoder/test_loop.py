"""Training: it learns, follows its seed, stops when nothing comes any more, and goes on after a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.train.encoder.examples import Examples, joined, labelled, unlabelled
from barometer.train.encoder.recipe import Recipe
from tests.train.encoder.tiny import a_tiny_base
from tests.train.made import frame, many

torch = pytest.importorskip(
    "torch", reason="training needs torch: `make training-tests` runs these tests, before all others"
)

from barometer.train.encoder import loop  # noqa: E402

RECIPE = Recipe(
    broad_epochs=1,
    main_epochs=2,
    auxiliary_posts=8,
    taught_posts=8,
    learning_rate=3e-3,
    head_rate=3e-2,
    posts_per_batch=16,
    mention_posts=4,
    patience=9,
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return a_tiny_base(tmp_path_factory.mktemp("base") / "tiny")


def some(start: int, count: int) -> Examples:
    posts = frame(*many(start, count))
    return labelled(posts["text"].to_list(), posts)


def material(count: int = 64) -> loop.Material:
    soft = np.tile(np.array([[0.9, 0.1]], dtype=np.float32), (8, 1))
    return loop.Material(
        main=some(0, count),
        auxiliary=unlabelled(["dog"] * 8),
        taught=unlabelled(["vermin"] * 8).taught({"hostile": soft}),
        mentions=some(300, 4),
        validation=some(200, 30),
    )


def right_hostile(scores: dict[str, Any]) -> float:
    truth = some(200, 30).labels["hostile"]
    return float((scores["hostile"].argmax(axis=1) == truth).mean())


def test_it_learns_what_words_say(base: Path, tmp_path: Path) -> None:
    reached: list[float] = []

    def score(scores: dict[str, Any]) -> float:
        reached.append(right_hostile(scores))
        return reached[-1]

    recipe = replace(RECIPE, main_epochs=10, auxiliary_posts=0, taught_posts=0)
    loop.train(base, material(190), recipe, score, seed=1, folder=tmp_path, say=lambda line: None)
    usual = float((some(200, 30).labels["hostile"] == 1).mean())
    assert max(reached) > usual + 0.05


def test_the_same_seed_gives_the_same_scores(base: Path, tmp_path: Path) -> None:
    found = []
    for place in ("one", "two"):
        lines: list[str] = []
        loop.train(base, material(), RECIPE, right_hostile, seed=3, folder=tmp_path / place, say=lines.append)
        found.append([line for line in lines if "validation" in line])
    assert found[0] == found[1]
    assert len(found[0]) == RECIPE.epochs


def test_a_killed_run_goes_on_and_ends_as_if_it_had_not_been_killed(base: Path, tmp_path: Path) -> None:
    whole = loop.train(base, material(), RECIPE, None, seed=3, folder=tmp_path / "whole", say=lambda line: None)
    calls = 0

    def killed(line: str) -> None:
        nonlocal calls
        calls += line.startswith("epoch 2/")
        if calls:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.train(base, material(), RECIPE, None, seed=3, folder=tmp_path / "killed", say=killed)
    lines: list[str] = []
    resumed = loop.train(base, material(), RECIPE, None, seed=3, folder=tmp_path / "killed", say=lines.append)
    assert lines[0] == "going on after epoch 1"
    for (name, one), other in zip(whole.state_dict().items(), resumed.state_dict().values(), strict=True):
        assert torch.allclose(one, other, atol=1e-5), name


def test_a_finished_run_is_not_run_again(base: Path, tmp_path: Path) -> None:
    loop.train(base, material(), RECIPE, None, seed=3, folder=tmp_path, say=lambda line: None)
    lines: list[str] = []
    loop.train(base, material(), RECIPE, None, seed=3, folder=tmp_path, say=lines.append)
    assert lines == ["going on after epoch 3"]


@pytest.mark.parametrize("what", ["labels", "texts", "probabilities"])
def test_a_checkpoint_of_other_posts_is_not_taken_up_however_many_they_are(
    base: Path, tmp_path: Path, what: str
) -> None:
    before = material()
    loop.train(base, before, RECIPE, None, seed=3, folder=tmp_path, say=lambda line: None)
    main = before.main
    if what == "labels":
        main = replace(main, labels={**main.labels, "hostile": 1 - np.maximum(main.labels["hostile"], 0)})
    elif what == "texts":
        main = main.reworded([f"{text} again" for text in main.texts])
    else:
        main = main.taught({"hostile": np.full_like(main.soft["hostile"], 0.5)})
    lines: list[str] = []
    loop.train(base, replace(before, main=main), RECIPE, None, seed=3, folder=tmp_path, say=lines.append)
    assert "starting anew" in lines[0]


def test_another_recipes_checkpoint_is_not_taken_up(base: Path, tmp_path: Path) -> None:
    loop.train(base, material(), RECIPE, None, seed=3, folder=tmp_path, say=lambda line: None)
    lines: list[str] = []
    loop.train(base, material(), replace(RECIPE, dropout=0.2), None, seed=3, folder=tmp_path, say=lines.append)
    assert "starting anew" in lines[0]


def test_the_best_epoch_is_kept_not_the_last(base: Path, tmp_path: Path) -> None:
    given_scores = iter([0.1, 0.9, 0.2])
    kept: list[Any] = []

    def score(scores: dict[str, Any]) -> float:
        kept.append(scores["trust"].copy())
        return next(given_scores)

    network = loop.train(base, material(), RECIPE, score, seed=3, folder=tmp_path, say=lambda line: None)
    tokenizer = loop.read_tokenizer(base, longest_tokens=RECIPE.longest_tokens)
    ids = [encoding.ids for encoding in tokenizer.encode_batch(list(material().validation.texts))]
    assert np.allclose(loop.logits_of(network, ids, ["trust"])["trust"], kept[1], atol=1e-3)
    assert not np.allclose(kept[1], kept[2], atol=1e-3)


@pytest.mark.parametrize(
    ("scores", "is_finished"),
    [([], False), ([0.5], False), ([0.5, 0.6], False), ([0.5, 0.9, 0.8], False), ([0.5, 0.9, 0.8, 0.7], True)],
)
def test_a_run_stops_when_the_last_epochs_brought_nothing(scores: list[float], is_finished: bool) -> None:
    recipe = replace(RECIPE, broad_epochs=1, main_epochs=9, patience=2)
    assert loop.Progress(epochs=len(scores), scores=scores).is_finished(recipe) is is_finished


@given(st.integers(0, 2), st.integers(1, 3))
def test_a_run_never_outlasts_its_epochs(broad: int, main: int) -> None:
    recipe = replace(RECIPE, broad_epochs=broad, main_epochs=main)
    assert loop.Progress(epochs=broad + main, scores=[0.0] * (broad + main)).is_finished(recipe)


def a_run(base: Path, posts: loop.Material, recipe: Recipe = RECIPE) -> Any:
    heads = {head: len(classes) for head, classes in loop.ALL_CLASSES.items()}
    network = loop.new_network(base, heads, dropout=0.0, seed=1)
    tokenizer = loop.read_tokenizer(base, longest_tokens=16)
    return loop._Run(network, tokenizer, posts, recipe, origin="tiny", seed=1, say=lambda line: None)


def test_only_broad_epochs_hold_auxiliary_and_taught_posts(base: Path) -> None:
    run = a_run(base, material())
    sizes = [len(run._of_epoch(number, np.random.default_rng(1))) for number in (0, 1)]
    assert sizes == [64 + 4 + 8 + 8, 64 + 4]


def test_posts_without_a_label_cost_nothing(base: Path) -> None:
    run = a_run(base, material())
    batch = joined([unlabelled(["dog", "walk"])])
    logits = run.network(*loop.padded(run.tokens(batch)))
    assert float(run.loss(logits, batch).detach()) == 0.0


def test_a_head_learns_only_from_posts_that_carry_it(base: Path) -> None:
    run = a_run(base, material())
    batch = some(2, 1)
    assert batch.labels["target"].tolist() == [-1]
    run.loss(run.network(*loop.padded(run.tokens(batch))), batch).backward()
    assert run.network.heads["target"].weight.grad is None or not run.network.heads["target"].weight.grad.any()
    assert run.network.heads["trust"].weight.grad.any()


def test_following_a_sure_teacher_costs_what_the_label_would(base: Path) -> None:
    run = a_run(base, material(), replace(RECIPE, balance=0.0))
    label = some(0, 1)
    sure = np.zeros((1, 2), dtype=np.float32)
    sure[0, label.labels["hostile"][0]] = 1.0
    only_hostile = dict(unlabelled(["x"]).labels) | {"hostile": label.labels["hostile"]}
    hard = Examples(label.texts, only_hostile, unlabelled(["x"]).soft)
    taught = unlabelled(label.texts).taught({"hostile": sure})
    logits = run.network(*loop.padded(run.tokens(hard)))
    assert float(run.loss(logits, hard).detach()) == pytest.approx(float(run.loss(logits, taught).detach()), rel=1e-4)


def test_rates_rise_and_fall_to_nought(base: Path) -> None:
    run = a_run(base, material())
    rates = [run._rate(step) for step in range(run._steps(RECIPE.epochs) + 1)]
    assert rates[-1] == 0.0
    assert max(rates) <= 1.0
    assert rates.index(max(rates)) <= len(rates) / 2


def test_a_run_may_go_on_from_anothers_best_weights(base: Path, tmp_path: Path) -> None:
    first = loop.train(base, material(), RECIPE, None, seed=3, folder=tmp_path / "first", say=lambda line: None)
    still = replace(RECIPE, broad_epochs=0, main_epochs=1, learning_rate=0.0, head_rate=0.0, weight_decay=0.0)
    second = loop.train(
        base,
        material(),
        still,
        None,
        seed=9,
        folder=tmp_path / "second",
        say=lambda line: None,
        start=tmp_path / "first" / loop.CHECKPOINT,
    )
    for (name, one), other in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.allclose(one, other, atol=1e-6), name


def test_a_checkpoint_says_of_which_run_it_is(base: Path, tmp_path: Path) -> None:
    loop.train(base, material(), RECIPE, None, seed=3, folder=tmp_path, say=lambda line: None)
    found = loop.identity_of(tmp_path / loop.CHECKPOINT)
    assert found["seed"] == 3
    assert found["recipe"]["posts_per_batch"] == RECIPE.posts_per_batch
