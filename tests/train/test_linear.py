"""Training as a whole: the same bytes every time, a card that says what the figures say, and nothing kept of a post."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from barometer.classify.manifest import checksum, read_manifest
from barometer.classify.model import load_model
from barometer.errors import BadInput
from barometer.settings import PROJECT
from barometer.tables import LABEL_HEADS
from barometer.train.card import DATA_SETS
from barometer.train.external import WATCHED_FUNCTIONS
from barometer.train.linear import train_linear
from tests.train.made import a_data_folder, a_post

FILES = ("card.md", "manifest.json", "metrics.json", "vocabulary.json", "weights.npz")
SHIPPED = PROJECT / "models" / "linear"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with a model trained on 450 invented posts."""
    folder = tmp_path_factory.mktemp("training")
    data, sample = a_data_folder(folder)
    train_linear(data=data, sample=sample, output=folder / "models" / "linear", seed=7)
    return folder / "models"


def metrics_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "metrics.json").read_text("utf-8"))
    return found


def test_training_again_with_the_same_seed_gives_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    data, sample = a_data_folder(tmp_path)
    train_linear(data=data, sample=sample, output=tmp_path / "linear", seed=7)
    for file in FILES:
        assert (tmp_path / "linear" / file).read_bytes() == (trained / "linear" / file).read_bytes(), file


def test_the_folder_is_a_model_that_loads_and_knows_what_it_was_taught(trained: Path) -> None:
    model = load_model("linear", trained)
    found = model.predict(["crooked liars at the council", "honest reliable nurses", "a walk with the dog"])
    assert found["trust"].to_list() == ["distrust", "trust", "none"]
    assert found["target"].to_list() == ["local_government", "health", "none"]


def test_the_manifest_says_what_was_learnt_from_and_how(trained: Path) -> None:
    settings = read_manifest("linear", trained).settings
    assert settings["seed"] == 7
    assert set(settings["learnt_from"]) == {"trust_gold", "trust_silver", "sample_city"}
    assert settings["recipe"]["least_voices_words"] == 3
    assert set(settings["calibration"]) == set(LABEL_HEADS)


def test_metrics_hold_every_head_by_class_set_and_source(trained: Path) -> None:
    metrics = metrics_of(trained / "linear")
    for part in ("cross_validated", "held_out"):
        assert set(metrics[part]) == set(LABEL_HEADS)
        for head, scores in metrics[part].items():
            assert set(scores["all"]["classes"]) == set(LABEL_HEADS[head])
            assert scores["all"]["lower"] <= scores["all"]["macro_f1"] <= scores["all"]["upper"]
    assert set(metrics["cross_validated"]["trust"]["by_source"]) == {"semeval", "hateval", "sample_city"}
    assert metrics["posts"]["held_out"].keys() == {"gold", "sample"}


def test_posts_learnt_from_held_out_and_left_out_are_all_posts(trained: Path) -> None:
    sizes = metrics_of(trained / "linear")["posts"]
    assert sum(sum(part.values()) for part in sizes.values()) == 450


def test_the_card_says_what_the_figures_say(trained: Path) -> None:
    card, metrics = (trained / "linear" / "card.md").read_text("utf-8"), metrics_of(trained / "linear")
    assert f"Version `{read_manifest('linear', trained).version}`" in card
    for head in LABEL_HEADS:
        scores = metrics["held_out"][head]["all"]
        shown = f"{scores['macro_f1']:.3f} ({scores['lower']:.3f}–{scores['upper']:.3f})"
        assert f"| {head} | {shown} |" in card
    assert f"{metrics['hatecheck']['cases']} cases" in card


@pytest.mark.parametrize("name", [name for name, _, _ in DATA_SETS])
def test_the_card_names_every_data_set_with_its_licence(trained: Path, name: str) -> None:
    card = (trained / "linear" / "card.md").read_text("utf-8")
    line = next(line for line in card.splitlines() if line.startswith(f"| {name} |"))
    _, role, licence = line.strip("| ").split(" | ")
    assert role
    assert licence


def test_the_card_sets_what_is_watched_apart(trained: Path) -> None:
    card = (trained / "linear" / "card.md").read_text("utf-8")
    assert all(f"**{name}**" in card for name in WATCHED_FUNCTIONS)


def test_no_post_rests_in_the_folder(trained: Path) -> None:
    # every invented post ends in words of its own: none may be in any file
    everything = b"".join((trained / "linear" / file).read_bytes() for file in FILES if file != "weights.npz").decode()
    for number in (3, 77, 149, 260, 471):
        own = str(a_post(number)["text"]).rsplit(" ", 1)[-1]
        assert own not in everything
    assert "author1" not in everything


def test_no_term_is_longer_than_a_pair_of_words(trained: Path) -> None:
    terms = json.loads((trained / "linear" / "vocabulary.json").read_text("utf-8"))
    assert all(1 <= len(term.split()) <= 2 for term in terms["words"])
    assert all(2 <= len(term) <= 5 for term in terms["characters"])


def test_a_model_can_be_trained_without_the_sample_and_without_known_events(tmp_path: Path) -> None:
    data, _ = a_data_folder(tmp_path)
    train_linear(data=data, sample=None, output=tmp_path / "models" / "real", seed=7)
    metrics = metrics_of(tmp_path / "models" / "real")
    assert metrics["unseen_events"] == {"events": 0, "heads": {head: {} for head in LABEL_HEADS}}
    assert metrics["posts"]["learnt_from"].keys() == {"gold", "silver"}
    assert "sample_city" not in read_manifest("real", tmp_path / "models").settings["learnt_from"]


def test_a_missing_sample_file_is_told(tmp_path: Path) -> None:
    data, _ = a_data_folder(tmp_path)
    with pytest.raises(BadInput, match=r"absent\.jsonl: there is no such file"):
        train_linear(data=data, sample=tmp_path / "absent.jsonl", output=tmp_path / "linear", seed=1)
    assert not (tmp_path / "linear").exists()


def test_the_shipped_model_was_made_from_the_sets_it_names(shared_data: Path) -> None:
    learnt_from = read_manifest("linear", PROJECT / "models").settings["learnt_from"]
    posts = shared_data / "posts"
    assert learnt_from == {
        "trust_gold": checksum(posts / "trust_gold" / "posts.jsonl"),
        "trust_silver": checksum(posts / "trust_silver" / "posts.jsonl"),
        "sample_city": checksum(PROJECT / "configs" / "cities" / "sample" / "written_posts.jsonl"),
    }


def test_the_shipped_card_is_of_the_shipped_model() -> None:
    card = (SHIPPED / "card.md").read_text("utf-8")
    assert f"Version `{read_manifest('linear', PROJECT / 'models').version}`" in card
    held_out = metrics_of(SHIPPED)["held_out"]["trust"]["all"]
    assert f"{held_out['macro_f1']:.3f}" in card


@pytest.mark.parametrize(("head", "floor"), [("trust", 0.60), ("target", 0.30), ("rumour", 0.45), ("hostile", 0.65)])
def test_the_shipped_model_is_no_worse_than_when_it_was_first_made(head: str, floor: float) -> None:
    # floors lie below the lower ends of the first model's cross-validated intervals on gold posts
    gold = metrics_of(SHIPPED)["cross_validated"][head]["by_set"]["gold"]
    assert gold["macro_f1"] > floor
