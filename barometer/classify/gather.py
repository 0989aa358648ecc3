"""Rumours of a night: its claims join the rumours that live, or found new ones; rumours merge, and fall apart.

First what is told in nearly the same words goes together (`claims.py`), then what is alike in context, time and place
(`alike.py`; with a sentence encoder `walks.py`). Nothing depends on the order of the rows, and a rumour's id is that of
its oldest post's founding.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from barometer.classify.claims import join_claims, rumour_id
from barometer.classify.groups import fallen_apart, merged_groups
from barometer.classify.rulings import NO_RULINGS, Rulings

FOUNDED, JOINED, MERGED, SPLIT = "founded", "joined", "merged", "split"
MOVES = {
    "post": pl.String(),
    "rumour": pl.String(),
    "similarity": pl.Float64(),
    "reason": pl.String(),
    "moved_from": pl.String(),
}
MOST_KNOWN_CLAIMS = 4_000
COPY_COSINE = 0.5
_DECIMALS = 6
# Outweighs the alikeness of any number of pairs that could be compared in a night.
_NEVER = -1e9

Array = NDArray[np.float64]
Names = NDArray[np.object_]
Flags = NDArray[np.bool_]


class Alike(Protocol):
    """Tells how alike claims are (`alike.Surroundings`, `walks.Walks`), and from where on they are one rumour."""

    @property
    def merge(self) -> float:
        """Mean alikeness of pairs from which two groups are one rumour."""

    @property
    def split(self) -> float:
        """Mean alikeness of pairs below which the halves of a rumour are two."""

    def alike(self, claims: pl.DataFrame) -> Array:
        """(n, n), 0-1, of `claims` (`post, text, created_at, area`)."""


def gather(
    known: pl.DataFrame,
    fresh: pl.DataFrame,
    *,
    around: Alike,
    words: TfidfVectorizer,
    rulings: Rulings = NO_RULINGS,
) -> pl.DataFrame:
    """Rows of `MOVES`: every post of `fresh`, and the posts of `known` that change their rumour tonight.

    `known` has `post, created_at, text, area, rumour`, `fresh` the same without `rumour`. `similarity` is the mean
    alikeness to the other posts of the rumour, 1 for a post alone; `reason` is founded, joined, merged or split. What a
    person merged or took out (`rulings`; `known` must already follow it) stays so.
    """
    if fresh.is_empty():
        return pl.DataFrame(schema=MOVES)
    known, fresh = _liveliest(known).sort("created_at", "post"), fresh.sort("created_at", "post")
    alike_words = join_claims(known, fresh, words=words)
    posts = pl.concat([known.select(fresh.columns), fresh])
    before = np.array([*known["rumour"], *alike_words["rumour"]], dtype=object)
    is_fresh = np.arange(posts.height) >= known.height
    pairs = np.maximum(around.alike(posts), _copies(posts["text"], words))
    names = posts["post"].to_list()
    merged = _merged(pairs + _forbidden(names, before, rulings), before, is_fresh, around.merge)
    after = _split(pairs, merged, names, is_fresh & ~np.isin(merged, list(rulings.whole)), around.split)
    rows = pl.DataFrame({"post": posts["post"], "rumour": after.tolist(), "similarity": _similarity(pairs, after)})
    reasons = np.where(is_fresh, _entries(after, is_fresh), np.where(after == merged, MERGED, SPLIT))
    moved_from = [None if new else rumour for new, rumour in zip(is_fresh, before, strict=True)]
    told = rows.with_columns(reason=pl.Series(reasons.tolist()), moved_from=pl.Series(moved_from, dtype=pl.String))
    return told.filter(pl.Series(is_fresh | (after != before))).select(list(MOVES)).sort("post")


def _copies(texts: pl.Series, words: TfidfVectorizer) -> Array:
    """Cosine of the words of pairs that are told in nearly the same ones, 0 elsewhere: a copy is one, however late."""
    vectors = words.transform(texts)
    cosines = (vectors @ vectors.T).toarray()
    return np.where(cosines >= COPY_COSINE, np.minimum(cosines, 1.0), 0.0)


def _liveliest(known: pl.DataFrame) -> pl.DataFrame:
    """Posts of the rumours heard last, whole rumours, `MOST_KNOWN_CLAIMS` at most: cost grows with the square."""
    by_rumour = known.group_by("rumour").agg(pl.len(), last=pl.col("created_at").max())
    kept = by_rumour.sort("last", "rumour", descending=True).filter(pl.col("len").cum_sum() <= MOST_KNOWN_CLAIMS)
    return known.join(kept.select("rumour"), on="rumour", how="semi")


def _forbidden(posts: list[str], before: Names, rulings: Rulings) -> Array:
    """What keeps a post out of the rumour that a person took it from: so much below any alikeness; 0 elsewhere."""
    penalty = np.zeros((len(posts), len(posts)))
    place = {post: row for row, post in enumerate(posts)}
    for post, rumour in rulings.taken_out:
        if post in place:
            members = np.flatnonzero(before == rumour)
            penalty[place[post], members] = penalty[members, place[post]] = _NEVER
    return penalty


def _merged(pairs: Array, before: Names, is_fresh: Flags, least: float) -> Names:
    """Rumour of every post once groups that are alike are one, under the id of the one whose posts began first."""
    ids = list(dict.fromkeys(before))
    place = {rumour: number for number, rumour in enumerate(ids)}
    numbers = np.array([place[rumour] for rumour in before], dtype=np.intp)
    groups = merged_groups(pairs, numbers, fresh=is_fresh, threshold=least)
    return np.array(ids, dtype=object)[groups]


def _split(pairs: Array, merged: Names, posts: list[str], is_fresh: Flags, least: float) -> Names:
    """Rumour of every post once those that a fresh post joined and that do not hold together are two."""
    after = merged.copy()
    for rumour in dict.fromkeys(merged[is_fresh]):
        rows = np.flatnonzero(merged == rumour)
        apart = fallen_apart(pairs[np.ix_(rows, rows)], threshold=least)
        if apart is not None:
            after[rows[apart]] = _free_id(posts[rows[apart][0]], set(after))
    return after


def _free_id(post: str, taken: set[str]) -> str:
    """Id of the rumour that `post` begins; another where its own is still borne by a rumour that it once began."""
    found = rumour_id(post)
    while found in taken:
        found = rumour_id(found)
    return found


def _entries(after: Names, is_fresh: Flags) -> list[str]:
    """Whether each post would have founded its rumour, being the first of it and new, or joined it."""
    begun: set[str] = set(after[~is_fresh])
    entries = []
    for rumour in after:
        entries.append(JOINED if rumour in begun else FOUNDED)
        begun.add(rumour)
    return entries


def _similarity(pairs: Array, after: Names) -> Array:
    """Mean alikeness of every post to the others of its rumour; 1 for one alone."""
    _, groups, sizes = np.unique(after.astype(str), return_inverse=True, return_counts=True)
    rows = np.arange(len(after))
    member = sparse.csr_matrix((np.ones(len(rows)), (rows, groups)))
    others = sizes[groups] - 1
    within = np.asarray(pairs @ member)[rows, groups] - np.diag(pairs)
    return np.asarray(np.where(others == 0, 1.0, within / np.maximum(others, 1)).clip(0.0, 1.0).round(_DECIMALS))
