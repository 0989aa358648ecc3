"""Posts of (nearly) the same text, and posts that only repeat another: both are reach, not more voices.

Two texts are near copies when the Jaccard similarity of their sets of words reaches the city's threshold. A post joins
the most similar first post of at most `WINDOW_DAYS` days before or after; without one it is a first post itself, and
its group is the keyed hash of its text. Comparing with first posts only keeps a chain of small changes from becoming
one group.

Candidates are found exactly, by prefix filtering (Chaudhuri, Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007):
with words in one fixed order, two sets with Jaccard similarity t share a word among their first |x| - ceil(t |x|) + 1.
Rarest words come first, so that few candidates have to be compared; unlike MinHash no copy is missed and nothing is
random.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import polars as pl

from barometer.tables import UTC_TIME

WINDOW_DAYS = 30
LEAST_WORDS = 5
_KIND = "duplicate"
_WORD = re.compile(r"\w+")
_REPOST_PREFIX = re.compile(r"^\s*RT\s*@\w[\w.\-]*\s*:?\s*", re.IGNORECASE)
_IS_REPOST = r"(?i)^\s*RT\s*@\w"
_COMPARED = {"post": pl.String(), "created_at": UTC_TIME, "text": pl.String(), "duplicate_group": pl.String()}


class Pseudonyms(Protocol):
    """The part of the city's door that is needed here."""

    def pseudonym(self, kind: str, value: str) -> str:
        """Keyed hash of `value`."""
        ...


@dataclass(frozen=True)
class Text:
    """One post as it is compared. Ordered by time, then by pseudonym, so that the order of rows never matters."""

    created_at: datetime
    post: str
    normalised: str
    words: frozenset[str] = field(compare=False)


def mark_duplicates(
    posts: pl.DataFrame, earlier: pl.DataFrame, *, similarity: float, pseudonyms: Pseudonyms
) -> pl.DataFrame:
    """Group and repost mark of each post: frame [duplicate_group, is_repost], one row a post.

    `posts` and `earlier` have post, created_at and text; `posts` also repost_of, `earlier` also duplicate_group (see
    `window`). `similarity` is the least Jaccard similarity of near copies.
    """
    groups = _groups(posts, earlier, similarity, pseudonyms)
    return posts.select(
        pl.col("post").replace_strict(groups, return_dtype=pl.String).alias("duplicate_group"),
        (pl.col("repost_of").is_not_null() | pl.col("text").str.contains(_IS_REPOST)).alias("is_repost"),
    )


def window(posts: pl.LazyFrame, new: pl.DataFrame) -> pl.DataFrame:
    """The posts that `new` ones may be copies of: those within `WINDOW_DAYS` days of them."""
    if new.is_empty():
        return pl.DataFrame(schema=_COMPARED)
    reach = timedelta(days=WINDOW_DAYS)
    first, last = new.select(pl.col("created_at").min() - reach, last=pl.col("created_at").max() + reach).row(0)
    near = pl.col("created_at").is_between(pl.lit(first, dtype=UTC_TIME), pl.lit(last, dtype=UTC_TIME))
    return posts.filter(near).select(list(_COMPARED)).collect()


def normalised(text: str) -> str:
    """The words of a text in lower case, with compatible forms made one, without punctuation or a repost's prefix."""
    plain = unicodedata.normalize("NFKC", _REPOST_PREFIX.sub("", text)).casefold()
    return " ".join(_WORD.findall(plain))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """Share of the words of either that both have; two empty sets are alike."""
    union = len(one | other)
    return len(one & other) / union if union else 1.0


def _groups(posts: pl.DataFrame, earlier: pl.DataFrame, similarity: float, pseudonyms: Pseudonyms) -> dict[str, str]:
    new = sorted(_texts(posts), key=_order)
    first_posts = sorted(_first_posts(earlier, pseudonyms), key=_order)
    counts = Counter(word for text in [*new, *first_posts] for word in text.words)
    index = _FirstPosts(similarity, counts)
    for text in first_posts:
        index.add(text)
    return {text.post: pseudonyms.pseudonym(_KIND, _first_text(text, index)) for text in new}


def _first_text(text: Text, index: _FirstPosts) -> str:
    """What the group of `text` is named after: the text of its first post, which may be itself."""
    if not text.words:
        return f"post {text.post}"
    if len(text.words) < LEAST_WORDS:
        return text.normalised
    first = index.most_similar(text)
    if first is None:
        index.add(text)
    return (first or text).normalised


def _texts(posts: pl.DataFrame) -> Iterator[Text]:
    for post, created_at, text in posts.select("post", "created_at", "text").iter_rows():
        plain = normalised(text)
        yield Text(created_at, post, plain, frozenset(plain.split()))


def _first_posts(earlier: pl.DataFrame, pseudonyms: Pseudonyms) -> Iterator[Text]:
    """The posts of earlier nights whose text names their own group, and which are long enough to have near copies."""
    groups = dict(earlier.select("post", "duplicate_group").iter_rows())
    for text in _texts(earlier):
        is_long = len(text.words) >= LEAST_WORDS
        if is_long and pseudonyms.pseudonym(_KIND, text.normalised) == groups[text.post]:
            yield text


def _order(text: Text) -> tuple[datetime, str]:
    return text.created_at, text.post


class _FirstPosts:
    """First posts of their groups, found by the rarest of their words."""

    def __init__(self, similarity: float, counts: Mapping[str, int]) -> None:
        self._similarity = similarity
        self._counts = counts
        self._having: defaultdict[str, list[Text]] = defaultdict(list)

    def add(self, text: Text) -> None:
        """Take `text` in as the first post of its group."""
        for word in self._prefix(text.words):
            self._having[word].append(text)

    def most_similar(self, text: Text) -> Text | None:
        """The first post that `text` is a near copy of: the most similar, then the earliest; None when none is."""
        candidates = {first.post: first for word in self._prefix(text.words) for first in self._having.get(word, ())}
        near = self._near(text, candidates.values())
        alike = [(-jaccard(text.words, first.words), *_order(first)) for first in near]
        best = min(alike, default=None)
        return candidates[best[2]] if best is not None and -best[0] >= self._similarity else None

    def _near(self, text: Text, candidates: Iterable[Text]) -> Iterator[Text]:
        """Candidates near in time and of a size that allows the similarity."""
        reach, size = timedelta(days=WINDOW_DAYS), len(text.words)
        for first in candidates:
            smaller, larger = sorted((size, len(first.words)))
            if smaller >= self._similarity * larger and abs(first.created_at - text.created_at) <= reach:
                yield first

    def _prefix(self, words: frozenset[str]) -> list[str]:
        """The rarest words, as many as two near copies must share one of."""
        # A hair less than t |x|, so that rounding errors can only lengthen the prefix.
        needed = len(words) - math.ceil(self._similarity * len(words) - 1e-9) + 1
        return sorted(words, key=lambda word: (self._counts[word], word))[:needed]
