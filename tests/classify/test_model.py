"""A model is found by its name, checked, and asked once for each distinct text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.manifest import write_manifest
from barometer.classify.model import Model, load_model, predict_once
from barometer.errors import BadConfiguration, BadInput
from barometer.settings import PROJECT
from barometer.tables import LABEL_HEADS
from tests.classify.made import a_model, written


class Counting:
    """A model that remembers which texts it was asked about."""

    def __init__(self) -> None:
        self._inner, self.asked = a_model(), list[str]()

    name, version, heads = "counting", "1", LABEL_HEADS

    def predict(self, texts: Sequence[str]) -> pl.DataFrame:
        self.asked += texts
        return self._inner.predict(texts)


def test_a_model_is_loaded_by_name(tmp_path: Path) -> None:
    manifest = written(tmp_path, "first")
    model: Model = load_model("first", tmp_path)
    assert (model.name, model.version, model.heads) == ("first", manifest.version, LABEL_HEADS)
    assert model.predict(["liars"])["trust"].to_list() == ["distrust"]


def test_a_kind_nobody_knows_is_told_with_those_known(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    write_manifest(tmp_path / "m", name="m", kind="oracle", files=(), settings={})
    with pytest.raises(BadConfiguration, match="kind 'oracle' is unknown here; known: linear"):
        load_model("m", tmp_path)


def test_a_damaged_model_is_not_loaded(tmp_path: Path) -> None:
    written(tmp_path, "m")
    (tmp_path / "m" / "weights.npz").write_bytes(b"PK")
    with pytest.raises(BadInput, match=r"weights\.npz"):
        load_model("m", tmp_path)


def test_each_distinct_text_is_read_once() -> None:
    # given a post that was copied often
    model = Counting()
    texts = pl.Series(["liars", "rain", "liars", "liars", "rain"])
    found = predict_once(model, texts)
    # then the model saw it once, and every copy has its labels
    assert model.asked == ["liars", "rain"]
    assert found["trust"].to_list() == ["distrust", "none", "distrust", "distrust", "none"]


def test_no_texts_are_no_rows() -> None:
    assert predict_once(Counting(), pl.Series([], dtype=pl.String)).height == 0


@given(st.lists(st.sampled_from(["liars", "reliable", "rain", "", "apparently", "  "]), max_size=12))
def test_reading_once_changes_nothing(texts: list[str]) -> None:
    model = a_model()
    assert predict_once(model, pl.Series(texts, dtype=pl.String)).equals(model.predict(texts))


def test_the_shipped_model_is_whole_and_knows_a_plain_case() -> None:
    # given the model in the repository
    model = load_model("linear", PROJECT / "models")
    found = model.predict(["The council are lying to us again, you cannot trust a word they say"])
    # then it reads plain distrust as that
    assert found.select("trust", "target").row(0) == ("distrust", "local_government")


def test_the_shipped_model_is_small_and_names_no_account() -> None:
    folder = PROJECT / "models" / "linear"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 10_000_000
    words = json.loads((folder / "vocabulary.json").read_text("utf-8"))["words"]
    assert {part for word in words for part in word.split() if "@" in part} == {"@user"}
