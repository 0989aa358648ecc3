"""Names that few posts mention are masked before anything is learnt; widely known ones stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.train.names import NAME_MASK, person_spans, without_rare_names


def spans_of(text: str, *names: str) -> list[tuple[int, int]]:
    return [(text.index(name), text.index(name) + len(name)) for name in names]


def masked(pairs: list[tuple[str, list[str]]], public_from: int) -> list[str]:
    texts = [text for text, _ in pairs]
    return without_rare_names(texts, [spans_of(text, *names) for text, names in pairs], public_from=public_from)


def test_a_name_in_few_posts_is_masked_and_one_in_many_is_kept() -> None:
    posts = [("I met Ada Quill", ["Ada Quill"])] + [(f"Boswell again, {n}", ["Boswell"]) for n in range(3)]
    found = masked(posts, public_from=3)
    assert found[0] == f"I met {NAME_MASK}"
    assert found[1:] == [text for text, _ in posts[1:]]


@pytest.mark.parametrize(("posts", "is_masked"), [(2, True), (3, False)])
def test_the_border_is_exact(posts: int, is_masked: bool) -> None:
    found = masked([(f"Boswell {n}", ["Boswell"]) for n in range(posts)], public_from=3)
    assert all((NAME_MASK in text) == is_masked for text in found)


def test_a_known_first_name_does_not_save_an_unknown_surname() -> None:
    posts = [("Ada Quill came", ["Ada Quill"]), ("Ada sang", ["Ada"]), ("Ada left", ["Ada"])]
    assert masked(posts, public_from=3) == [f"{NAME_MASK} came", "Ada sang", "Ada left"]


def test_a_name_is_the_same_in_any_case_with_its_possessive_and_as_a_hashtag() -> None:
    posts = [("BOSWELL!", ["BOSWELL"]), ("Boswell's hat", ["Boswell's"]), ("#boswell", ["#boswell"])]
    assert masked(posts, public_from=3) == [text for text, _ in posts]


def test_a_post_that_repeats_a_name_counts_once() -> None:
    text = "Quill and Quill"
    found = without_rare_names([text], [[(0, 5), (10, 15)]], public_from=2)
    assert found == [f"{NAME_MASK} and {NAME_MASK}"]


def test_a_text_without_names_is_untouched() -> None:
    assert without_rare_names(["rain again", ""], [[], []], public_from=5) == ["rain again", ""]


@given(st.lists(st.sampled_from(["Ada", "Boswell", "Quill"]), min_size=1, max_size=4))
def test_every_rare_name_goes_and_the_words_between_stay(names: list[str]) -> None:
    text = " met ".join(names)
    starts = [sum(len(name) + 5 for name in names[:place]) for place in range(len(names))]
    spans = [(start, start + len(name)) for start, name in zip(starts, names, strict=True)]
    (found,) = without_rare_names([text], [spans], public_from=2)
    assert found == " met ".join([NAME_MASK] * len(names))


def test_spacy_finds_a_plain_name() -> None:
    text = "Yesterday John Smith spoke to the council in Bradford."
    (spans,) = person_spans([text])
    assert [text[start:end] for start, end in spans] == ["John Smith"]
