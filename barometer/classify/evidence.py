"""A rumour beside the city's evidence library: claims that somebody looked into, with verdict, source and link.

Candidates by BM25 on words and on characters, then re-ranked by a logistic regression over how well words, characters,
title and claim fit, and, where there is a sentence encoder (`models/sentences`), how near their meanings are.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer

from barometer.classify.bm25 import Bm25, fit_bm25
from barometer.classify.embed import Embedder, stem
from barometer.classify.kept import KeptVectors
from barometer.classify.sentences import has_sentence_encoder, load_sentence_encoder
from barometer.library import LIBRARY, read_library
from barometer.night import Night

Array = NDArray[np.float64]

# Folder below `Settings.home` of the vectors of cities' libraries.
VECTORS = "vectors"
CANDIDATES = 30
MOST_MATCHES = 5

MATCHES = {
    "question": pl.Int64(),
    "rank": pl.Int64(),
    "id": pl.String(),
    "score": pl.Float64(),
    "share_of_claim": pl.Float64(),
}

# Fitted on the training questions of CLEF-2020 CheckThat! task 2 and on no others: `benchmarks/bench_evidence.py` fits
# them anew, with the figures on the test questions. `meaning` is that of `models/sentences` (all-MiniLM-L6-v2, int8).
WEIGHTS: Mapping[str, float] = {
    "intercept": -18.114,
    "words_beside_best": 5.792,
    "characters_beside_best": 6.304,
    "claim_beside_best": 1.517,
    "title_beside_best": 1.517,
    "words_size": 0.03,
    "characters_size": 0.5,
    "share_of_text": 0.525,
    "share_of_claim": -0.26,
    "words_of_claim": 0.222,
}
WEIGHTS_WITH_MEANING: Mapping[str, float] = {
    "intercept": -16.614,
    "words_beside_best": 6.19,
    "characters_beside_best": 5.214,
    "claim_beside_best": 0.752,
    "title_beside_best": 0.452,
    "words_size": -1.258,
    "characters_size": -0.013,
    "meaning": 4.158,
    "meaning_of_title": 0.779,
    "meaning_of_either": 4.331,
    "share_of_text": -2.234,
    "share_of_claim": 0.91,
    "words_of_claim": 0.97,
}

_TAIL = re.compile(r"\s*—\s[^—]*\(@\w+\)\s+\w+ \d+, \d{4}\s*$")
_LINK = re.compile(r"(?:https?://|pic\.twitter\.com|www\.)\S+|\bhttp\b")
_TAG = re.compile(r"[@#](\w+)")
_PARTS = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_MASKS = re.compile(r"@user|\[\w+\]")
_TINY = 1e-9
# A last document, so that a library without a word has a vocabulary; it is never found.
_ANCHOR = "zzz"
# A claim of which a rumour has less is not worth a person's look.
LEAST_SHARE_OF_CLAIM = 0.2
SUGGESTIONS = {
    "rumour": pl.String(),
    **{name: kind for name, kind in MATCHES.items() if name != "question"},
    **{name: kind for name, kind in LIBRARY.items() if name not in {"id", "title"}},
}


def suggest_evidence(night: Night, *, embedder: Embedder | None = None) -> pl.DataFrame:
    """`SUGGESTIONS`: for every rumour of the night the claims that its representative post repeats, best first.

    Meaning is compared, too, where the folder of models has a sentence encoder, or by `embedder`. For a person to
    confirm in `rumours.csv`; nothing is linked by itself. Raises `BadInput` when the sentence encoder is damaged.
    """
    library = read_library(night.city.folder)
    rumours = night.lake.read("rumours").filter(pl.col("night") == night.night).select("rumour", "representative")
    posts = night.lake.read("posts").select(pl.col("post").alias("representative"), "text")
    told = rumours.collect().join(posts.collect(), on="representative").sort("rumour")
    if library.is_empty() or told.is_empty():
        return pl.DataFrame(schema=SUGGESTIONS)
    evidence = Evidence(library, embedder) if embedder else evidence_of(night, library)
    found = evidence.match(told["text"].to_list())
    worth = found.filter(pl.col("share_of_claim") >= LEAST_SHARE_OF_CLAIM)
    named = worth.with_columns(rumour=told["rumour"].gather(worth["question"]))
    return named.join(library, on="id", maintain_order="left").select(list(SUGGESTIONS))


def evidence_of(night: Night, library: pl.DataFrame) -> Evidence:
    """The city's `library` as a night asks it: by meaning where there is a sentence encoder, else by words alone."""
    if not has_sentence_encoder(night.settings.models):
        return Evidence(library)
    encoder = load_sentence_encoder(night.settings.models)
    return Evidence(library, encoder, KeptVectors(encoder, night.settings.home / VECTORS / f"{night.city.id}.npz"))


def readable(text: str) -> str:
    """A post as it is compared: no links, masks or signature of an embedded post; hashtags as words, too."""
    plain = _MASKS.sub(" ", _LINK.sub(" ", _TAIL.sub("", html.unescape(text))))
    return " ".join(_TAG.sub(lambda match: f"{_PARTS.sub(' ', match[1])} {match[1]}", plain).split())


def terms(text: str) -> list[str]:
    """Words and numbers without stop words and endings."""
    return [stem(word) for word in _WORD.findall(text.lower()) if word not in ENGLISH_STOP_WORDS]


_CHARACTERS = CountVectorizer(analyzer="char_wb", ngram_range=(3, 5)).build_analyzer()


@dataclass(frozen=True)
class Evidence:
    """A library ready to be asked; `embedder` adds meaning to words, `kept` may remember that of the library."""

    library: pl.DataFrame
    embedder: Embedder | None = None
    kept: Embedder | None = None

    @cached_property
    def _fields(self) -> dict[str, Bm25]:
        claims, titles = self.library["claim"].to_list(), self.library["title"].fill_null("").to_list()
        both = [f"{claim} {title}" for claim, title in zip(claims, titles, strict=True)]
        return {
            "words": fit_bm25([*both, _ANCHOR], terms),
            "characters": fit_bm25([*both, _ANCHOR], _CHARACTERS),
            "claim": fit_bm25([*claims, _ANCHOR], terms),
            "title": fit_bm25([*titles, _ANCHOR], terms),
        }

    @cached_property
    def _meanings(self) -> tuple[Array, Array]:
        """Unit rows of claims and titles; a claim without title stands for it."""
        titles = self.library.select(pl.coalesce("title", "claim")).to_series().to_list()
        rows = _dense(self.kept or cast(Embedder, self.embedder), [*self.library["claim"].to_list(), *titles])
        return rows[: self.library.height], rows[self.library.height :]

    def match(self, texts: Sequence[str], *, most: int = MOST_MATCHES) -> pl.DataFrame:
        """`MATCHES`: for each text (its place from 0) the claims that fit best.

        `score` (0-1) ranks: it was fitted where the library always held the right claim. `share_of_claim` (0-1), how
        much of the claim's words the text has, tells a claim that fits from one that is merely the nearest.
        """
        if self.library.is_empty() or not len(texts):
            return pl.DataFrame(schema=MATCHES)
        weights = WEIGHTS if self.embedder is None else WEIGHTS_WITH_MEANING
        rows, values = self.candidates(texts)
        score = expit(sum((weights[name] * found for name, found in values.items()), np.float64(weights["intercept"])))
        order = np.lexsort((rows, -score), axis=1)[:, :most]
        best, sure, shared = (np.take_along_axis(v, order, axis=1) for v in (rows, score, values["share_of_claim"]))
        questions, ranks = np.indices(best.shape)
        ids = self.library["id"].gather(best.ravel())
        columns = [questions.ravel(), ranks.ravel() + 1, ids, sure.ravel().round(6), shared.ravel().round(6)]
        return pl.DataFrame(dict(zip(MATCHES, columns, strict=True)), schema=MATCHES)

    def candidates(self, texts: Sequence[str]) -> tuple[NDArray[np.intp], dict[str, Array]]:
        """Rows of the library worth a second look for each text, (n, 30 at most), and their features, likewise."""
        plain = [readable(text) for text in texts]
        scores = {name: field.scores(plain)[:, : self.library.height] for name, field in self._fields.items()}
        pool = _beside_best(scores["words"]) + _beside_best(scores["characters"])
        if self.embedder is not None:
            asked = _dense(self.embedder, plain)
            scores |= {"meaning": asked @ self._meanings[0].T, "meaning_of_title": asked @ self._meanings[1].T}
            pool += 2 * np.maximum(scores["meaning"], scores["meaning_of_title"])
        rows = np.argsort(-pool, axis=1, kind="stable")[:, :CANDIDATES]
        found = {name: np.take_along_axis(values, rows, axis=1) for name, values in scores.items()}
        return rows, self._features(found) | self._overlaps(plain, rows)

    def _features(self, found: dict[str, Array]) -> dict[str, Array]:
        lexical = {name: values for name, values in found.items() if not name.startswith("meaning")}
        beside = {f"{name}_beside_best": _beside_best(values) for name, values in lexical.items()}
        sizes = {f"{name}_size": np.log1p(found[name]) for name in ("words", "characters")}
        meant = {name: values for name, values in found.items() if name.startswith("meaning")}
        most = {"meaning_of_either": np.maximum(*meant.values())} if meant else {}
        return beside | sizes | meant | most

    def _overlaps(self, plain: Sequence[str], rows: NDArray[np.intp]) -> dict[str, Array]:
        """Shares of the text's words that the claim has, and of the claim's that the text has, by how rare they are."""
        field = self._fields["words"]
        asked = (field.vectoriser.transform(plain) > 0).astype(np.float64)
        claims = (field.vectoriser.transform(self.library["claim"].to_list()) > 0).astype(np.float64)
        weighed = sparse.diags(field.inverse_frequency)
        shared = np.take_along_axis((asked @ weighed @ claims.T).toarray(), rows, axis=1)
        of_text = np.asarray(asked @ field.inverse_frequency).ravel()[:, None]
        of_claim = np.asarray(claims @ field.inverse_frequency).ravel()[rows]
        return {
            "share_of_text": shared / np.maximum(of_text, _TINY),
            "share_of_claim": shared / np.maximum(of_claim, _TINY),
            "words_of_claim": np.log1p(of_claim),
        }


def _beside_best(scores: Array) -> Array:
    """Each row by its largest value."""
    return cast(Array, scores / np.maximum(scores.max(axis=1, keepdims=True), _TINY))


def _dense(embedder: Embedder, texts: Sequence[str]) -> Array:
    rows = embedder.embed(texts)
    return np.asarray(rows if isinstance(rows, np.ndarray) else rows.toarray(), dtype=np.float64)
