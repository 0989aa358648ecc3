"""Which of the city's languages a post is in: py3langid, restricted to them.

py3langid's naive Bayes with temperature-scaled probabilities (Lui and Baldwin 2012, "langid.py"; its version 0.4
divides log odds by the root of the text's length, which keeps short texts from being overconfident).
A platform's own statement of the language is a prior, not an answer: people leave their settings as they found them.
It multiplies that language's odds by `HINT_ODDS`, which settles near ties and never overrules a clear text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cache

import polars as pl
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from barometer.prepare.masks import ACCOUNT_MASK, URL_MASK

UNDETERMINED = "und"
HINT_ODDS = 4.0
LEAST_CONFIDENCE = 0.6
LEAST_LETTERS = 4
_ENGLISH = "en"
_SURELY = 0.8
_DIGITS_KEPT = 4

# Tags in use that the model knows under another code.
_MODEL_CODES = {"nb": "no", "fil": "tl", "iw": "he", "in": "id", "ji": "yi", "ckb": "ku", "kmr": "ku"}
_NOT_LANGUAGE = re.compile(rf"\[(?:email|phone|name|postcode[^\]]*)\]|{ACCOUNT_MASK}\b|\b{URL_MASK}\b|[\d_#]+")

Finding = tuple[str, float]


def find_languages(texts: Sequence[str], hints: Sequence[str | None], languages: Sequence[str]) -> pl.DataFrame:
    """Language of each text and the probability of it: frame [language, language_confidence], one row a text.

    `languages` are the city's, BCP 47. A text with fewer than `LEAST_LETTERS` letters, with no language above
    `LEAST_CONFIDENCE`, or in a foreign language that its platform states too, is "und"; its confidence is then that of
    the likeliest of the city's languages (0 when there was nothing to read).
    """
    identifier = language_identifier(tuple(languages))
    found = [identifier.find(text, hint) for text, hint in zip(texts, hints, strict=True)]
    return pl.DataFrame(found, schema={"language": pl.String, "language_confidence": pl.Float64}, orient="row")


@cache
def language_identifier(languages: tuple[str, ...]) -> CityLanguages:
    """The identifier of these languages."""
    tags = {_model_code(tag): tag for tag in reversed(languages)}
    restricted = copy(_model())
    restricted.set_languages([code for code in tags if code in _model().labels])
    return CityLanguages(tags, restricted, _model())


@cache
def _model() -> LanguageIdentifier:
    """py3langid's model of all its languages; loading takes half a second, so it is kept."""
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _model_code(tag: str) -> str:
    primary = tag.split("-", maxsplit=1)[0].lower()
    return _MODEL_CODES.get(primary, primary)


@dataclass(frozen=True)
class CityLanguages:
    """`tags` maps the model's codes to the city's tags; `every` knows all languages, `restricted` only the city's."""

    tags: dict[str, str]
    restricted: LanguageIdentifier
    every: LanguageIdentifier

    def find(self, text: str, hint: str | None) -> Finding:
        """The city's language of `text` and its probability, or "und"."""
        words = _NOT_LANGUAGE.sub(" ", text).strip()
        if not self.restricted.nb_classes or sum(map(str.isalpha, words)) < LEAST_LETTERS:
            return UNDETERMINED, 0.0
        code = _model_code(hint) if hint else None
        if code is not None and code not in self.tags and self.every.classify(words)[0] == code:
            return UNDETERMINED, self._likeliest_of_the_city(words)
        return self._settled(self._with_prior(dict(self.restricted.rank(words)), code))

    def is_english(self, text: str) -> bool:
        """Whether an English model may read `text`: yes unless it is surely in another language."""
        words = _NOT_LANGUAGE.sub(" ", text).strip()
        probabilities = dict(self.restricted.rank(words))
        return bool(1 - probabilities.get(_ENGLISH, 0.0) < _SURELY)

    def _settled(self, probabilities: dict[str, float]) -> Finding:
        code, probability = max(probabilities.items(), key=lambda item: (item[1], item[0]))
        confidence = round(probability, _DIGITS_KEPT)
        return (self.tags[code] if confidence >= LEAST_CONFIDENCE else UNDETERMINED), confidence

    def _with_prior(self, probabilities: dict[str, float], hint: str | None) -> dict[str, float]:
        odds = {code: p * (HINT_ODDS if code == hint else 1.0) for code, p in probabilities.items()}
        total = sum(odds.values())
        return {code: value / total for code, value in odds.items()}

    def _likeliest_of_the_city(self, words: str) -> float:
        return round(float(max(p for code, p in self.every.rank(words) if code in self.tags)), _DIGITS_KEPT)
