"""The sentence encoder: what lies near what, that no text and no neighbour changes a row, and that damage is told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.classify.manifest import FILE, read_manifest, version_of
from barometer.classify.model import load_model
from barometer.classify.sentences import (
    FOLDER,
    NETWORK,
    TOKENIZER,
    SentenceEncoder,
    absence,
    has_sentence_encoder,
    load_sentence_encoder,
)
from barometer.errors import BadConfiguration, BadInput
from tests.classify.shipped_sentences import MODELS, linked, shipped_sentences

NASTY = ("", " \t\n ", "😀😀🎉", "مرحبا بالعالم שלום", "\x00\x07\u202e", "z" + "\u0301" * 400, "[CLS] [SEP] [MASK]")


@pytest.fixture(scope="module")
def sentences() -> SentenceEncoder:
    return shipped_sentences()


def cosines(sentences: SentenceEncoder, *texts: str) -> np.ndarray:
    rows = sentences.embed(texts)
    return np.asarray(rows @ rows.T)


@pytest.mark.parametrize(
    ("one", "other", "far"),
    [
        ("the library is going to be shut", "they are closing our reading room", "there is lead in the water"),
        ("don't drink from the tap", "the water supply is contaminated", "bins every four weeks from now on"),
        ("expired jabs at the vaccine van", "the doses were out of date", "stop and search has a quota"),
    ],
)
def test_what_means_the_same_is_nearer_than_what_does_not(
    sentences: SentenceEncoder, one: str, other: str, far: str
) -> None:
    found = cosines(sentences, one, other, far)
    assert found[0, 1] > found[0, 2] + 0.1
    assert found[0, 1] > found[1, 2] + 0.1


def test_rows_are_of_length_one_and_as_wide_as_it_says(sentences: SentenceEncoder) -> None:
    found = sentences.embed(["a library", "the water"])
    assert found.shape == (2, sentences.width) == (2, 384)
    assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)


def test_nothing_asked_is_nothing_read(sentences: SentenceEncoder) -> None:
    assert sentences.embed([]).shape == (0, sentences.width)


@pytest.mark.parametrize("text", NASTY)
def test_no_text_crashes_it(sentences: SentenceEncoder, text: str) -> None:
    found = sentences.embed([text])
    assert np.isfinite(found).all()
    assert np.linalg.norm(found) == pytest.approx(1.0, abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(max_size=40), min_size=2, max_size=4))
def test_no_text_changes_its_neighbours_row(texts: list[str]) -> None:
    sentences = shipped_sentences()
    together = sentences.embed(texts)
    assert np.array_equal(together[-1:], sentences.embed(texts[-1:]))
    assert np.array_equal(together[::-1], sentences.embed(texts[::-1]))


def test_only_the_first_tokens_are_read(sentences: SentenceEncoder) -> None:
    long = "the library is closing " * 100
    assert np.array_equal(sentences.embed([long])[0], sentences.embed([long + " and there is lead in the water"])[0])


def test_capitals_say_nothing(sentences: SentenceEncoder) -> None:
    assert cosines(sentences, "THE LIBRARY IS CLOSING", "the library is closing")[0, 1] == pytest.approx(1.0, abs=1e-5)


def test_no_folder_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    assert not has_sentence_encoder(tmp_path)
    with pytest.raises(BadConfiguration) as caught:
        load_sentence_encoder(tmp_path)
    assert str(caught.value).startswith(absence(tmp_path))
    assert "`barometer train sentences`" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [NETWORK, TOKENIZER])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    (linked(tmp_path) / name).unlink()
    with pytest.raises(BadInput, match=f"model sentences, file {name}: is missing"):
        load_sentence_encoder(tmp_path)


@pytest.mark.parametrize("name", [NETWORK, TOKENIZER])
def test_a_changed_file_is_named(tmp_path: Path, name: str) -> None:
    path = linked(tmp_path) / name
    path.unlink()
    path.write_bytes(b"{}")
    with pytest.raises(BadInput, match=f"model sentences, file {name}: its checksum is not the manifest's"):
        load_sentence_encoder(tmp_path)


def test_a_folder_without_a_manifest_is_no_model(tmp_path: Path) -> None:
    (linked(tmp_path) / FILE).unlink()
    with pytest.raises(BadConfiguration, match="no model 'sentences'"):
        load_sentence_encoder(tmp_path)


def test_settings_that_do_not_fit_the_network_are_refused(tmp_path: Path) -> None:
    # given a manifest, sound in itself, that promises fewer numbers
    manifest = read_manifest(FOLDER, MODELS, heads={})
    changed = manifest.settings | {"width": 100}
    version = version_of(manifest.kind, manifest.files, changed)
    linked(tmp_path, settings=changed, version=version)
    with pytest.raises(BadInput, match=r"gives 384 numbers a text, not 100.*restore the folder"):
        load_sentence_encoder(tmp_path)


def test_a_manifest_that_was_edited_is_refused(tmp_path: Path) -> None:
    linked(tmp_path, settings={"width": 384, "longest_tokens": 9})
    with pytest.raises(BadInput, match="field version"):
        load_sentence_encoder(tmp_path)


def test_it_labels_nothing(sentences: SentenceEncoder) -> None:
    with pytest.raises(BadInput, match="made for other classes"):
        load_model(FOLDER, MODELS)


def test_the_card_states_licence_size_and_what_int8_costs(sentences: SentenceEncoder) -> None:
    card = (MODELS / FOLDER / "card.md").read_text("utf-8")
    metrics = json.loads((MODELS / FOLDER / "metrics.json").read_text("utf-8"))
    assert "Apache-2.0" in card
    assert sentences.version in card
    assert f"{metrics['bytes']:,} bytes" in card
    assert metrics["bytes"] == (MODELS / FOLDER / NETWORK).stat().st_size <= 25_000_000
    assert metrics["cosine"]["mean"] >= 0.98
