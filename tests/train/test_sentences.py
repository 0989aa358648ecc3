"""Exporting a sentence encoder: a folder that nights can read, near the network it came from, and its card."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from barometer.classify.sentences import FOLDER, load_sentence_encoder
from barometer.errors import BadConfiguration, BadInput
from tests.train.encoder.tiny import a_tiny_base
from tests.train.made import many, write_lines

torch = pytest.importorskip(
    "torch", reason="training needs torch: `make training-tests` runs these tests, before all others"
)
pytest.importorskip("onnx", reason="exporting needs onnx (extra train)")
pytest.importorskip("onnxruntime", reason="reading needs onnxruntime (extra run)")

from barometer.train import sentences  # noqa: E402
from barometer.train.encoder.network import new_network, padded, read_tokenizer  # noqa: E402

TEXTS = ["liars by the dog", "weather walk", ""]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A tiny base, some posts, and the folder that came of them."""
    torch.set_num_threads(1)
    top = tmp_path_factory.mktemp("sentences")
    base = a_tiny_base(top / "tiny")
    sample = write_lines(top / "sample.jsonl", many(0, 30))
    metrics = sentences.write_sentences(str(base), top / "models" / FOLDER, sample=sample)
    return {"base": base, "sample": sample, "models": top / "models", "metrics": metrics}


def test_the_folder_holds_what_a_night_and_a_reader_need(places: dict[str, Any]) -> None:
    names = {path.name for path in (places["models"] / FOLDER).iterdir()}
    assert names == {"card.md", "manifest.json", "metrics.json", "model.onnx", "tokenizer.json"}


def test_a_text_lies_where_the_base_puts_it(places: dict[str, Any]) -> None:
    # given the mean of the base's last layer, in 32 bits
    network = new_network(places["base"], {}, dropout=0.0, seed=0).eval()
    tokenizer = read_tokenizer(places["base"], longest_tokens=sentences.LONGEST_TOKENS)
    with torch.inference_mode():
        rows = [network.embed(*padded([encoding.ids])) for encoding in tokenizer.encode_batch(TEXTS)]
    expected = torch.nn.functional.normalize(torch.cat(rows)).numpy()
    # then int8 is near it
    found = load_sentence_encoder(places["models"]).embed(TEXTS)
    assert ((found * expected).sum(axis=1) > 0.98).all()


def test_the_figures_are_those_of_the_files(places: dict[str, Any]) -> None:
    folder = places["models"] / FOLDER
    assert json.loads((folder / "metrics.json").read_text("utf-8")) == places["metrics"]
    assert places["metrics"]["bytes"] == (folder / "model.onnx").stat().st_size
    assert places["metrics"]["texts"] == 30
    assert places["metrics"]["cosine"]["least"] <= places["metrics"]["cosine"]["mean"] <= 1.0001


def test_the_card_does_not_guess_a_folders_licence(places: dict[str, Any]) -> None:
    card = (places["models"] / FOLDER / "card.md").read_text("utf-8")
    assert "Base: tiny, a folder; its licence is not known here." in card
    assert load_sentence_encoder(places["models"]).version in card


def test_the_same_base_gives_the_same_version(places: dict[str, Any], tmp_path: Path) -> None:
    sentences.write_sentences(str(places["base"]), tmp_path / FOLDER, sample=places["sample"])
    assert load_sentence_encoder(tmp_path).version == load_sentence_encoder(places["models"]).version


def test_no_network_that_moved_far_is_written_unnoticed(
    places: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentences, "cosine_of", lambda one, other: {"mean": 0.5, "least": np.nan})
    with pytest.raises(BadInput, match=r"mean cosine to 32 bits is 0\.5, below 0\.98"):
        sentences.write_sentences(str(places["base"]), tmp_path / FOLDER, sample=places["sample"])


def test_a_base_that_is_nowhere_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="base model 'nowhere'"):
        sentences.write_sentences("nowhere", tmp_path / FOLDER, sample=tmp_path / "sample.jsonl")
