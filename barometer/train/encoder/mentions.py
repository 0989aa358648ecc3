"""Sentences that only name a group, stand up for it, or attack it; and words that may be swapped for one another.

Without them a small model learns that naming a group is hostile, since in collected posts it mostly is (Dixon et al.
2018, "Measuring and mitigating unintended bias in text classification"). The sentences teach hostility only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

from barometer.classify.linear import FITTED_CLASSES
from barometer.classify.text import normalise
from barometer.train.encoder.examples import Examples, unlabelled

_FILE = "mentions.yaml"
LISTED_TRIED = 5
_FORMS = ("many", "one", "kind")


@dataclass(frozen=True)
class Family:
    """Words that can stand for one another. For `words` the encoder reads the first of them, others as they are.

    With `rare` words it learns to mind such names less; `others` tell how far it does.
    """

    name: str
    words: tuple[str, ...]
    rare: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def pattern(self) -> re.Pattern[str]:
        """Any of the family's listed words, whole."""
        return _pattern(self.words)


@cache
def _pattern(words: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b({'|'.join(map(re.escape, words))})\b", re.IGNORECASE)


@cache
def _written() -> dict[str, Any]:
    text = files("barometer.train.encoder").joinpath(_FILE).read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def families() -> tuple[Family, ...]:
    """All families of words, as written in `mentions.yaml`."""
    parts = _written()["families"].items()
    return tuple(Family(name, tuple(part["words"]), tuple(part["rare"]), tuple(part["others"])) for name, part in parts)


def stand_ins() -> dict[str, str]:
    """Listed word -> the word that is read for it: the first of its family."""
    return {word: family.words[0] for family in families() for word in family.words}


def mentions() -> Examples:
    """Every sentence with every group, labelled for hostility alone."""
    sentences = [(text, "yes") for text in _filled("hostile")] + [(text, "no") for text in _filled("not_hostile")]
    examples = unlabelled([normalise(text) for text, _ in sentences])
    classes = FITTED_CLASSES["hostile"]
    codes = np.array([classes.index(label) for _, label in sentences], dtype=np.int64)
    return Examples(texts=examples.texts, labels={**examples.labels, "hostile": codes}, soft=examples.soft)


def _filled(kind: str) -> Iterator[str]:
    for sentence in _written()[kind]:
        filled = [sentence.format(**dict(zip(_FORMS, group, strict=True))) for group in _written()["groups"]]
        yield from dict.fromkeys(filled)


def with_swaps(texts: tuple[str, ...], *, share: float, generator: np.random.Generator) -> tuple[str, ...]:
    """`texts`, a `share` of those that name a listed word of a family with one that nobody listed in its place."""
    return tuple(_maybe_swapped(text, generator) if generator.random() < share else text for text in texts)


def _maybe_swapped(text: str, generator: np.random.Generator) -> str:
    for family in families():
        if family.pattern.search(text):
            text = swapped(text, family, str(generator.choice(family.rare)))
    return text


def swapped(text: str, family: Family, word: str) -> str:
    """`text` with the first of the family's words that it names, wherever it stands, replaced by `word`."""
    found = family.pattern.search(text)
    return text if found is None else re.sub(rf"\b{re.escape(found[0])}\b", word, text, flags=re.IGNORECASE)


def swap_variants(text: str) -> list[tuple[str, bool, str]]:
    """(family, whether the new word is a listed one, text) for other words in place of one named.

    All words that are not listed, and the `LISTED_TRIED` listed ones that follow the one named in the family's order.
    """
    return [
        (family.name, is_listed, swapped(text, family, word))
        for family in families()
        if (found := family.pattern.search(text))
        for word, is_listed in _others_than(found[0].lower(), family)
    ]


def _others_than(named: str, family: Family) -> list[tuple[str, bool]]:
    place = family.words.index(named)
    following = (*family.words[place + 1 :], *family.words[:place])[:LISTED_TRIED]
    return [(word, True) for word in following] + [(word, False) for word in family.others]
