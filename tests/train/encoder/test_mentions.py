"""Written sentences, and words that stand for one another."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.encoder import StandIns
from barometer.classify.linear import FITTED_CLASSES
from barometer.classify.text import normalise
from barometer.train.data import csv_rows
from barometer.train.encoder.corpus import is_copy
from barometer.train.encoder.examples import UNLABELLED
from barometer.train.encoder.mentions import (
    LISTED_TRIED,
    families,
    mentions,
    stand_ins,
    swap_variants,
    swapped,
    with_swaps,
)

FAMILIES = families()
HOSTILE = FITTED_CLASSES["hostile"]


def test_sentences_teach_hostility_only() -> None:
    examples = mentions()
    assert set(examples.labels["hostile"]) == {HOSTILE.index("yes"), HOSTILE.index("no")}
    assert all((codes == UNLABELLED).all() for head, codes in examples.labels.items() if head != "hostile")


def test_every_group_is_mentioned_without_and_with_hostility() -> None:
    examples = mentions()
    for word in ("muslims", "jews", "gay people", "disabled people", "women", "refugees", "black people"):
        codes = {
            int(code) for text, code in zip(examples.texts, examples.labels["hostile"], strict=True) if word in text
        }
        assert codes == {0, 1}, word


def test_sentences_are_filled_in_and_as_a_model_reads_them() -> None:
    texts = mentions().texts
    assert not [text for text in texts if "{" in text or "}" in text]
    assert all(text == normalise(text) for text in texts)
    assert len(set(texts)) == len(texts)


def test_no_sentence_is_nearly_one_of_hatecheck(shared_data: Path) -> None:
    cases = [row["test_case"] for row in csv_rows(shared_data / "posts" / "hatecheck" / "test_suite_cases.csv")]
    assert not is_copy(mentions().texts, cases).any()


def test_no_word_belongs_to_two_families_or_is_both_listed_and_not() -> None:
    words = [word for family in FAMILIES for word in (*family.words, *family.rare, *family.others)]
    assert len(words) == len(set(words))
    assert all(word == word.lower() for word in words)


def test_all_of_a_family_is_read_as_its_first_word() -> None:
    words = stand_ins()
    for family in FAMILIES:
        assert {words[word] for word in family.words} == {family.words[0]}
        assert not {*family.others, *family.rare} & set(words)


@pytest.mark.parametrize("family", FAMILIES, ids=[family.name for family in FAMILIES])
def test_swaps_of_listed_words_read_the_same(family: object) -> None:
    read = StandIns(stand_ins())
    text = f"they say {family.words[0]} were seen in the park"  # type: ignore[attr-defined]
    variants = [changed for _, is_listed, changed in swap_variants(text) if is_listed]
    assert len(variants) == min(LISTED_TRIED, len(family.words) - 1)  # type: ignore[attr-defined]
    assert {read(normalise(changed)) for changed in variants} == {read(normalise(text))}


def test_variants_say_whether_the_new_word_is_listed() -> None:
    found = swap_variants("a Sikh choir")
    assert ("religion", True, "a hindu choir") in found
    assert ("religion", False, "a quaker choir") in found
    assert all(changed != "a Sikh choir" for _, _, changed in found)


def test_a_text_that_names_nobody_has_no_variants() -> None:
    assert swap_variants("the bins were not emptied, muslimah or not") == []


def test_every_place_where_the_word_stands_is_changed_and_no_part_of_a_word() -> None:
    religion = next(family for family in FAMILIES if family.name == "religion")
    assert (
        swapped("Muslim bakery, the muslim one, muslims too", religion, "sikh")
        == "sikh bakery, the sikh one, muslims too"
    )


@given(st.integers(0, 2**32 - 1))
def test_swaps_in_training_keep_all_other_words(seed: int) -> None:
    texts = ("my polish neighbour in wyke", "nobody named", "refugees at the door")
    generator = np.random.default_rng(seed)
    changed = with_swaps(texts, share=1.0, generator=generator)
    assert changed[1] == texts[1]
    assert re.fullmatch(r"my [\w ]+ neighbour in [\w ]+", changed[0])
    assert changed[2].endswith(" at the door")


def test_what_is_learnt_with_is_never_what_is_tested_with() -> None:
    generator = np.random.default_rng(3)
    changed = " ".join(
        with_swaps(("a muslim, a polish lad and refugees in wyke",) * 300, share=1.0, generator=generator)
    )
    for family in FAMILIES:
        assert not [word for word in family.others if re.search(rf"\b{word}\b", changed)]
    assert "muslim" not in changed


def test_a_share_of_nought_swaps_nothing() -> None:
    texts = ("my polish neighbour in wyke",) * 20
    assert with_swaps(texts, share=0.0, generator=np.random.default_rng(1)) == texts
