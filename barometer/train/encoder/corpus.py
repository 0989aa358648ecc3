"""All that a run learns from and is judged by, with nothing of the judging posts on the learning side."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer

from barometer.classify.text import normalise
from barometer.train.annotated import FILE as ANNOTATED_FILE
from barometer.train.annotated import annotated_posts
from barometer.train.data import training_posts
from barometer.train.encoder.auxiliary import auxiliary_posts, public_texts, sentiment_texts
from barometer.train.encoder.examples import Examples, auxiliary, joined, labelled, unlabelled
from barometer.train.events import SOURCE as RUMOUREVAL
from barometer.train.events import event_of_text, plain, with_events
from barometer.train.groups import NEAR_COPY_SIMILARITY, Split, groups, split
from barometer.train.linear import readable

Rows = NDArray[np.intp]
_WORD = r"\S+"
_ROWS_AT_ONCE = 200
SPLIT_SEED = 2026


@dataclass(frozen=True)
class Corpus:
    """Labelled posts (`data.SCHEMA`), their prepared texts, and who stands where; auxiliary and unlabelled posts.

    `annotated`: posts labelled for training alone, never scored on. `parts.held_out` is the dev split that the card and
    the gates are judged on: the linear model's, the same for every seed. One fold of the rest, the first unless it says
    otherwise, is kept back for early stopping, choices and calibration: `validation`.
    """

    posts: pl.DataFrame
    texts: tuple[str, ...]
    member: NDArray[np.int32]
    parts: Split
    annotated: Examples
    auxiliary: Examples
    taught: Examples
    fold: int = 0

    @property
    def validation(self) -> Rows:
        """Posts of early stopping, choices and calibration."""
        return self.parts.folds[self.fold][1]

    @property
    def learn(self) -> Rows:
        """Posts that a run may learn from when the validation posts are kept back."""
        return self.parts.folds[self.fold][0]

    @property
    def main(self) -> Examples:
        """All labelled posts that a run learns from."""
        return joined([self.examples(self.learn), self.annotated])

    def examples(self, rows: Rows) -> Examples:
        """The labelled posts of `rows` as a network learns from them."""
        return labelled([self.texts[row] for row in rows], self.posts[rows])


def read_corpus(
    data: Path,
    sample: Path | None,
    *,
    cache: Path,
    annotated: Path = ANNOTATED_FILE,
    seed: int = SPLIT_SEED,
    fold: int = 0,
) -> Corpus:
    """Read, split and prepare everything; `cache` keeps prepared texts, since finding names takes minutes.

    `data` holds the folder `posts`; `sample` is the sample city's written posts; `annotated` the labels made for
    training; `fold` says which posts are kept back beside the dev split. Raises `BadInput` naming the file.
    """
    posts = with_events(training_posts(data, sample), data)
    parts = split(posts, seed=seed)
    judged = np.concatenate([parts.held_out, parts.folds[fold][1]])
    extra = auxiliary_posts(data / "posts", seed=seed)
    more = pl.DataFrame({"text": sentiment_texts(data / "posts")})
    again = annotated_posts((*public_texts(data / "posts"), *more["text"]), annotated)
    kept_back = posts["text"][judged].to_list()
    events = set(posts["story"][judged].drop_nulls())
    extra, more, again = (_apart(frame, kept_back, events, data) for frame in (extra, more, again))
    pool = pl.concat([extra.select("text"), more]).unique(maintain_order=True)
    return Corpus(
        posts=posts,
        texts=_prepared(posts, cache),
        member=groups(posts),
        parts=parts,
        annotated=labelled([normalise(text) for text in again["text"]], again),
        auxiliary=auxiliary([normalise(text) for text in extra["text"]], extra),
        taught=unlabelled([normalise(text) for text in pool["text"]]),
        fold=fold,
    )


def _apart(frame: pl.DataFrame, kept_back: Sequence[str], events: Collection[str], data: Path) -> pl.DataFrame:
    """`frame` without copies and near copies of posts kept back, and without tweets about their events."""
    event_of = event_of_text(data / "posts" / RUMOUREVAL)
    is_of_event = np.array([event_of.get(plain(text)) in events for text in frame["text"]], dtype=np.bool_)
    return frame.filter(~(is_of_event | is_copy(frame["text"].to_list(), kept_back)))


def is_copy(texts: Sequence[str], kept_back: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each text shares at least half of all its words and word pairs with one kept back (Jaccard)."""
    counter = CountVectorizer(ngram_range=(1, 2), binary=True, token_pattern=_WORD, dtype=np.float32)
    terms = counter.fit_transform([plain(text) or "-" for text in (*texts, *kept_back)]).tocsr()
    ours, theirs = terms[: len(texts)], terms[len(texts) :]
    sizes, their_sizes = (np.asarray(part.sum(axis=1)).ravel() for part in (ours, theirs))
    found = np.zeros(len(texts), dtype=np.bool_)
    for start in range(0, theirs.shape[0], _ROWS_AT_ONCE):
        shared = (ours @ theirs[start : start + _ROWS_AT_ONCE].T).tocoo()
        similarity = shared.data / (sizes[shared.row] + their_sizes[start + shared.col] - shared.data)
        found[shared.row[similarity >= NEAR_COPY_SIMILARITY]] = True
    return found


def _prepared(frame: pl.DataFrame, cache: Path) -> tuple[str, ...]:
    """Texts as the linear model and the night read them, private names masked; remembered by their content."""
    content = hashlib.sha256("\x1f".join(frame["text"]).encode()).hexdigest()[:16]
    path = cache / f"prepared-{content}.parquet"
    if not path.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        pl.DataFrame({"text": readable(frame)}).write_parquet(path)
    return tuple(pl.read_parquet(path)["text"])
