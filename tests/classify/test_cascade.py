"""The screen answers what it is sure of, the reader the rest, and nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.cascade import KIND, CascadeModel, combined, sureness, write_cascade
from barometer.classify.linear import LinearModel
from barometer.classify.manifest import read_manifest
from barometer.classify.model import load_model
from barometer.errors import BadConfiguration, BadInput
from barometer.tables import LABEL_HEADS
from tests.classify.few_scores import a_manifest, an_encoder
from tests.classify.made import a_model, written

SURE_WORDS, UNSURE_WORDS = "liars council", "liars or reliable"


class Counting:
    """A model that remembers what it was asked."""

    def __init__(self, model: LinearModel) -> None:
        self.model = model
        self.asked: list[str] = []
        self.version = "counted"

    def predict(self, texts: Sequence[str]) -> pl.DataFrame:
        self.asked += list(texts)
        return self.model.predict(texts)


def a_cascade(least_sure: float) -> tuple[CascadeModel, Counting, Counting]:
    screen, reader = Counting(a_model()), Counting(a_model())
    manifest = a_manifest(least_sure=least_sure)
    return CascadeModel(manifest, screen, reader), screen, reader


def test_the_reader_reads_only_what_the_screen_is_not_sure_of() -> None:
    texts = [SURE_WORDS, UNSURE_WORDS, "reliable nurses"]
    sure = sureness(a_model().predict(texts))
    least_sure = float(sure.max())
    cascade, screen, reader = a_cascade(least_sure)
    cascade.predict(texts)
    assert screen.asked == texts
    assert reader.asked == [text for text, value in zip(texts, sure, strict=True) if value < least_sure]
    assert 0 < len(reader.asked) < len(texts)


def test_a_screen_that_must_be_certain_leaves_all_to_the_reader() -> None:
    cascade, _, reader = a_cascade(1.01)
    cascade.predict([SURE_WORDS, UNSURE_WORDS])
    assert reader.asked == [SURE_WORDS, UNSURE_WORDS]


def test_a_screen_that_need_not_be_sure_answers_all() -> None:
    cascade, _, reader = a_cascade(0.0)
    assert cascade.predict([SURE_WORDS, UNSURE_WORDS]).equals(a_model().predict([SURE_WORDS, UNSURE_WORDS]))
    assert reader.asked == []


def test_no_texts_give_no_rows() -> None:
    cascade, _, _ = a_cascade(0.5)
    assert cascade.predict([]).height == 0


@given(st.lists(st.sampled_from(["liars", "reliable", "police", "vermin", "walk", "untrue"]), max_size=12), st.data())
def test_rows_stay_in_the_order_of_the_texts(words: list[str], data: st.DataObject) -> None:
    screened = a_model().predict(words)
    unsure = np.array(sorted(data.draw(st.sets(st.integers(0, max(len(words) - 1, 0)), max_size=len(words)))), int)
    assert combined(screened, screened[unsure], unsure).equals(screened)


def test_rows_of_the_reader_take_the_place_of_the_screens() -> None:
    screened, read = a_model().predict(["walk", "walk", "walk"]), a_model().predict(["liars"])
    assert combined(screened, read, np.array([1]))["trust"].to_list() == ["none", "distrust", "none"]


def test_sureness_is_of_the_label_not_of_the_likeliest_class() -> None:
    model, _, _ = an_encoder(offsets={head: [0.0] * len(c) for head, c in LABEL_HEADS.items()} | {"trust": [9.0, 0, 0]})
    found = model.predict(["liars council"])
    assert found["trust"][0] == "trust"
    assert sureness(found)[0] == pytest.approx(min(found["trust_trust"][0], found["target_local_government"][0]))


@given(st.sampled_from(["liars council", "reliable", "vermin", "walk", "apparently police"]))
def test_sureness_is_a_probability(text: str) -> None:
    assert 0 <= sureness(a_model().predict([text]))[0] <= 1


def _two_models(models: Path) -> tuple[str, str]:
    return written(models, "screen").version, written(models, "reader", other=1).version


def test_a_written_cascade_is_loaded_like_any_model(tmp_path: Path) -> None:
    versions = _two_models(tmp_path)
    write_cascade(tmp_path / "both", screen=("screen", versions[0]), reader=("reader", versions[1]), least_sure=0.9)
    model = load_model("both", tmp_path)
    assert (model.name, model.heads) == ("both", LABEL_HEADS)
    assert read_manifest("both", tmp_path).kind == KIND
    assert model.predict([SURE_WORDS])["target"].to_list() == ["local_government"]


def test_its_version_moves_with_those_of_its_parts(tmp_path: Path) -> None:
    names = [
        write_cascade(tmp_path / "both", screen=("screen", version), reader=("reader", "r"), least_sure=0.9).version
        for version in ("1", "2", "1")
    ]
    assert names[0] == names[2] != names[1]


@pytest.mark.parametrize("role", ["screen", "reader"])
def test_a_part_of_another_version_is_refused(tmp_path: Path, role: str) -> None:
    versions = dict(zip(("screen", "reader"), _two_models(tmp_path), strict=True)) | {role: "older"}
    write_cascade(
        tmp_path / "both",
        screen=("screen", versions["screen"]),
        reader=("reader", versions["reader"]),
        least_sure=0.9,
    )
    with pytest.raises(BadInput, match=f"its {role} {role} is another version"):
        load_model("both", tmp_path)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    write_cascade(tmp_path / "both", screen=("gone", "1"), reader=("reader", "1"), least_sure=0.9)
    with pytest.raises(BadConfiguration, match="gone"):
        load_model("both", tmp_path)
