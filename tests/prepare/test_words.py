"""The word lists: there, in lower case, and not at odds with each other."""

from __future__ import annotations

import pytest
import yaml

from barometer.prepare.words import words
from barometer.settings import PROJECT

LISTS = sorted(yaml.safe_load((PROJECT / "barometer" / "prepare" / "words.yaml").read_text("utf-8")))


@pytest.mark.parametrize("name", LISTS)
def test_every_list_holds_lower_case_words(name: str) -> None:
    listed = words(name)
    assert listed
    assert all(word == word.lower() and " " not in word for word in listed)


def test_no_given_name_is_also_a_word_that_is_never_a_name() -> None:
    never = words("roles") | words("kin") | words("everyday")
    assert words("given_names") & never == set()


def test_no_title_counts_as_strong_and_weak() -> None:
    assert words("strong_titles") & words("weak_titles") == set()


def test_surname_streets_are_streets() -> None:
    assert words("surname_thoroughfares") <= words("thoroughfares")


def test_an_unknown_list_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        words("no_such_list")
