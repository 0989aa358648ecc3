"""The linear model: what it says, that it is kept without anything executable, and that damage is noticed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.linear import (
    FITTED_CLASSES,
    VOCABULARY,
    WEIGHTS,
    Head,
    calibrated,
    read_linear,
    write_linear,
)
from barometer.classify.manifest import read_manifest, write_manifest
from barometer.errors import BadInput
from tests.classify.made import a_model, probability_sums, written

SAID = [
    ("The council are liars", ("distrust", "local_government", "none", "no")),
    ("Our nurses are reliable", ("trust", "health", "none", "no")),
    ("Apparently the police are liars", ("distrust", "police_justice", "rumour", "no")),
    ("That is untrue", ("none", "none", "correction", "no")),
    ("they are vermin", ("none", "none", "none", "yes")),
    ("Rain again in Thornton", ("none", "none", "none", "no")),
    ("", ("none", "none", "none", "no")),
]


def labels(texts: list[str], model: Any = None) -> list[tuple[str, ...]]:
    frame = (model or a_model()).predict(texts)
    return frame.select("trust", "target", "rumour", "hostile").rows()


@pytest.mark.parametrize(("text", "expected"), SAID, ids=[text or "empty" for text, _ in SAID])
def test_words_decide_the_labels(text: str, expected: tuple[str, ...]) -> None:
    assert labels([text]) == [expected]


def test_rows_come_in_the_order_of_the_texts() -> None:
    texts = [text for text, _ in SAID]
    assert labels(texts) == [expected for _, expected in SAID]
    assert labels(texts[::-1]) == [expected for _, expected in SAID[::-1]]


def test_more_texts_than_a_batch_are_all_labelled() -> None:
    # given more posts than are read at once, the last of them unlike the rest
    texts = ["rain"] * 5_000 + ["liars"]
    found = labels(texts)
    # then every one has its row, in its place
    assert len(found) == 5_001
    assert found[-1][0] == "distrust"
    assert {row[0] for row in found[:-1]} == {"none"}


def test_no_texts_give_no_rows_and_all_columns() -> None:
    assert a_model().predict([]).schema == a_model().predict(["x"]).schema
    assert a_model().predict([]).height == 0


@given(st.lists(st.text(max_size=80), min_size=1, max_size=6))
def test_any_text_has_coherent_labels_that_do_not_depend_on_its_company(texts: list[str]) -> None:
    model = a_model()
    together = model.predict(texts)
    assert all(sums == pytest.approx([1.0] * len(texts)) for sums in probability_sums(together).values())
    assert ((together["trust"] == "none") == (together["target"] == "none")).all()
    assert together[0].equals(model.predict(texts[:1]))


def test_calibration_changes_probabilities_and_no_label() -> None:
    # given the same weights with and without calibration
    shifted = {"trust": {"temperature": 0.5, "shift": (-2.0, -1.0, 3.0)}, "hostile": {"shift": (-2.0, 2.0)}}
    texts = [text for text, _ in SAID] + ["liars reliable", "police"]
    plain, calibrated_model = a_model(), a_model(shifted)
    # then labels stay and probabilities move
    assert labels(texts, calibrated_model) == labels(texts, plain)
    assert not plain.predict(texts)["trust_none"].equals(calibrated_model.predict(texts)["trust_none"])


def test_calibrated_scores_are_a_softmax_of_scaled_and_shifted_scores() -> None:
    scores, shift = np.array([[2.0, 0.0]]), np.array([0.5, -0.5])
    found = calibrated(scores, 2.0, shift)
    expected = np.exp([1.5, -0.5]) / np.exp([1.5, -0.5]).sum()
    assert found[0] == pytest.approx(expected)


def test_a_written_model_says_the_same_when_read_again(tmp_path: Path) -> None:
    # given a calibrated model, written
    shift = {"rumour": {"temperature": 1.5, "shift": (0.1, -0.2, 0.1)}}
    model = a_model(shift)
    manifest = write_linear(model, tmp_path / "m", name="m", settings={"seed": 1})
    # when it is read
    again = read_linear(tmp_path / "m", read_manifest("m", tmp_path))
    # then it says the same, to the last digit, under its written name and version
    texts = [text for text, _ in SAID]
    assert again.predict(texts).equals(model.predict(texts))
    assert (again.name, again.version) == ("m", manifest.version)


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    one, two = (write_linear(a_model(), tmp_path / n, name="m", settings={"seed": 1}) for n in ("one", "two"))
    assert one == two
    for file in (WEIGHTS, VOCABULARY, "manifest.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_a_model_folder_holds_arrays_and_text_only(tmp_path: Path) -> None:
    written(tmp_path)
    with zipfile.ZipFile(tmp_path / "few-words" / WEIGHTS) as archive:
        heads = [archive.read(name)[:200] for name in archive.namelist()]
    # then no array is of objects, which alone are kept as pickles
    assert heads
    assert all(head.startswith(b"\x93NUMPY") and b"'|O'" not in head for head in heads)
    assert set(json.loads((tmp_path / "few-words" / VOCABULARY).read_text("utf-8"))) == {"words", "characters"}


def test_an_array_of_objects_is_refused_and_never_unpickled(tmp_path: Path) -> None:
    # given weights in which an object array hides, and a manifest made to fit
    folder = tmp_path / "few-words"
    settings = written(tmp_path).settings
    np.savez(folder / WEIGHTS, **{"words.idf": np.array([{"a": 1}], dtype=object)})  # type: ignore[arg-type]
    manifest = write_manifest(folder, name="few-words", kind="linear", files=(WEIGHTS, VOCABULARY), settings=settings)
    # then reading says so
    with pytest.raises(BadInput, match="cannot be read"):
        read_linear(folder, manifest)


@pytest.mark.parametrize("missing", ["trust.weights", "hostile.bias", "words.idf"])
def test_a_missing_array_is_named(tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "few-words"
    settings = written(tmp_path).settings
    with np.load(folder / WEIGHTS) as file:
        kept = {name: file[name] for name in file.files if name != missing}
    np.savez(folder / WEIGHTS, **kept)  # type: ignore[arg-type]
    manifest = write_manifest(folder, name="few-words", kind="linear", files=(WEIGHTS, VOCABULARY), settings=settings)
    with pytest.raises(BadInput, match=missing):
        read_linear(folder, manifest)


def test_weights_that_do_not_fit_the_vocabulary_are_refused(tmp_path: Path) -> None:
    # given a vocabulary one word short of the weights
    folder = tmp_path / "few-words"
    settings = written(tmp_path).settings
    terms = json.loads((folder / VOCABULARY).read_text("utf-8"))
    terms["words"].pop()
    (folder / VOCABULARY).write_text(json.dumps(terms), encoding="utf-8")
    manifest = write_manifest(folder, name="few-words", kind="linear", files=(WEIGHTS, VOCABULARY), settings=settings)
    with pytest.raises(BadInput, match="train it again"):
        read_linear(folder, manifest)


def test_offsets_undo_the_shift_and_leave_none_of_the_target_alone() -> None:
    shift = tuple(float(place) for place in range(len(FITTED_CLASSES["target"])))
    offsets = a_model({"target": {"shift": shift}}).offsets()
    assert offsets["target"].tolist() == [*(-value for value in shift), 0.0]
    assert offsets["trust"].tolist() == [0.0, 0.0, 0.0]


def test_a_heads_probabilities_are_rows_that_sum_to_one() -> None:
    head = Head(weights=np.eye(3, dtype=np.float32), bias=np.zeros(3, dtype=np.float32), temperature=2.0)
    features = a_model().features(["liars"])[:, :3]
    assert head.probabilities(features).sum(axis=1) == pytest.approx([1.0])
