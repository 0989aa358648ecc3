"""What stands on which side: nothing that judges the model may be among what it learns from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.train.encoder.corpus import Corpus, is_copy, read_corpus
from barometer.train.events import plain
from tests.train.encoder.tiny import ANNOTATED_NAME, a_full_data_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return a_full_data_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def corpus(folder: tuple[Path, Path]) -> Corpus:
    return read_corpus(*folder, cache=folder[0] / "cache", annotated=folder[0] / ANNOTATED_NAME)


def test_learn_validation_and_dev_share_no_post_and_no_group(corpus: Corpus) -> None:
    parts = (corpus.learn, corpus.validation, corpus.parts.held_out)
    groups = [set(corpus.member[rows].tolist()) for rows in parts]
    assert all(len(rows) for rows in parts)
    assert not groups[0] & groups[1]
    assert not groups[2] & (groups[0] | groups[1])


def test_dev_posts_are_gold_or_sample(corpus: Corpus) -> None:
    assert set(corpus.posts["set"][corpus.parts.held_out]) <= {"gold", "sample"}


def test_posts_labelled_for_training_are_learnt_from_and_never_judge(corpus: Corpus) -> None:
    assert len(corpus.annotated) == 2
    assert len(corpus.main) == len(corpus.learn) + 2
    assert set(corpus.main.texts[-2:]) == set(corpus.annotated.texts)
    assert not set(corpus.annotated.texts) & set(corpus.texts)


def test_a_file_without_labels_made_for_training_is_none_to_learn_from(
    folder: tuple[Path, Path], tmp_path: Path
) -> None:
    empty = tmp_path / "annotated.csv"
    empty.write_text("digest,trust,target,rumour,hostile\n", "utf-8")
    found = read_corpus(*folder, cache=tmp_path, annotated=empty)
    assert len(found.annotated) == 0
    assert len(found.main) == len(found.learn)


@pytest.mark.parametrize("fold", [1, 4])
def test_another_fold_keeps_other_posts_back(
    folder: tuple[Path, Path], tmp_path: Path, corpus: Corpus, fold: int
) -> None:
    found = read_corpus(*folder, cache=tmp_path, annotated=folder[0] / ANNOTATED_NAME, fold=fold)
    assert not set(found.validation.tolist()) & set(corpus.validation.tolist())
    assert not set(found.member[found.learn].tolist()) & set(found.member[found.validation].tolist())
    assert found.parts.held_out.tolist() == corpus.parts.held_out.tolist()


def test_no_auxiliary_or_taught_text_is_one_that_judges(corpus: Corpus) -> None:
    judged = {plain(text) for text in corpus.posts["text"][np.concatenate([corpus.validation, corpus.parts.held_out])]}
    assert not judged & {plain(text) for text in (*corpus.auxiliary.texts, *corpus.taught.texts)}


def test_a_copy_of_a_judging_post_among_the_auxiliary_ones_is_left_out(
    folder: tuple[Path, Path], tmp_path: Path
) -> None:
    data, sample = folder
    before = read_corpus(data, sample, cache=tmp_path, annotated=data / ANNOTATED_NAME)
    dev = before.posts["text"][int(before.parts.held_out[0])]
    path = data / "posts" / "tweeteval" / "datasets" / "irony" / "train_text.txt"
    original = path.read_text(encoding="utf-8")
    path.write_text(original.replace(original.splitlines()[0], f"RT @someone {dev}", 1), encoding="utf-8")
    after = read_corpus(data, sample, cache=tmp_path, annotated=data / ANNOTATED_NAME)
    path.write_text(original, encoding="utf-8")
    assert len(after.auxiliary) == len(before.auxiliary) - 1


def test_examples_are_of_the_rows_asked_for(corpus: Corpus) -> None:
    examples = corpus.examples(corpus.validation[:3])
    assert examples.texts == tuple(corpus.texts[row] for row in corpus.validation[:3])


def test_prepared_texts_are_remembered_by_their_content(folder: tuple[Path, Path], tmp_path: Path) -> None:
    read_corpus(*folder, cache=tmp_path, annotated=folder[0] / ANNOTATED_NAME)
    (stored,) = tmp_path.glob("prepared-*.parquet")
    remembered = pl.read_parquet(stored).with_columns(text=pl.lit("remembered"))
    remembered.write_parquet(stored)
    assert set(read_corpus(*folder, cache=tmp_path, annotated=folder[0] / ANNOTATED_NAME).texts) == {"remembered"}


def test_a_missing_set_is_named(folder: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="trust_gold"):
        read_corpus(tmp_path, folder[1], cache=tmp_path)


def test_a_text_with_a_changed_link_is_a_copy_and_another_text_is_not() -> None:
    kept = ["The council says the library on the hill will stay open http://a.b/1"]
    texts = ["the council says the library on the hill will stay open https://c.d/9", "the dog is on the hill"]
    assert is_copy(texts, kept).tolist() == [True, False]


@given(st.lists(st.text("abc ", min_size=1, max_size=20), min_size=1, max_size=8))
def test_every_text_is_a_copy_of_itself(texts: list[str]) -> None:
    assert is_copy(texts, texts).all()
