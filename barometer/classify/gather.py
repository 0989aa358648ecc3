"""Rumours of a night: all claims of the last weeks are grouped anew, and each group goes on from an earlier one.

How alike two claims are is told by their context, time and place (`alike.py`; with a sentence encoder `walks.py`).
Posts that were together the night before count as more alike, so that a rumour changes only for a reason. Nothing
depends on the order of the rows; a rumour keeps its id as long as a group goes on from it.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import permutations
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from barometer.classify.claims import rumour_id
from barometer.classify.groups import Numbers, carried_on, grouped
from barometer.classify.rulings import NO_RULINGS, Rulings

FOUNDED, JOINED, MERGED, SPLIT, MOVED = "founded", "joined", "merged", "split", "moved"
MOVES = {
    "post": pl.String(),
    "rumour": pl.String(),
    "similarity": pl.Float64(),
    "reason": pl.String(),
    "moved_from": pl.String(),
}
# Compared at once are so many at most: cost and memory grow with the square.
MOST_KNOWN_CLAIMS, MOST_FRESH_CLAIMS = 3_000, 2_000
COPY_COSINE = 0.5
_DECIMALS = 6
# Outweigh the alikeness of any number of pairs that could be compared in a night.
_ALWAYS, _NEVER = 1e6, -1e9

Array = NDArray[np.float64]
Names = list[str | None]


class Alike(Protocol):
    """Tells how alike claims are (`alike.Surroundings`, `walks.Walks`), and from where on they are one rumour."""

    @property
    def merge(self) -> float:
        """Mean alikeness of pairs from which two groups are one rumour."""

    @property
    def stay(self) -> float:
        """How much more alike two posts count that were in one rumour the night before."""

    def alike(self, claims: pl.DataFrame) -> Array:
        """(n, n), 0-1, of `claims` (`post, text, created_at, area`)."""


def gather(
    known: pl.DataFrame,
    fresh: pl.DataFrame,
    *,
    around: Alike,
    words: TfidfVectorizer,
    rulings: Rulings = NO_RULINGS,
    taken: frozenset[str] = frozenset(),
) -> pl.DataFrame:
    """Rows of `MOVES`: every post of `fresh`, and the posts of `known` that change their rumour tonight.

    `known` has `post, created_at, text, area, rumour`, `fresh` the same without `rumour`; `taken` are the ids that no
    new rumour may bear. `similarity` is the mean alikeness to the other posts of the rumour, 1 for a post alone.
    `reason`: a post founded a rumour or joined one; its earlier rumour was merged into another, it split off, or it
    moved to another that lives. What a person merged or took out (`rulings`; `known` must already follow it) stays so.
    Without anything fresh nothing moves. A night with very many fresh posts is taken in parts, the oldest first.
    """
    now, similarity = known, dict[str, float]()
    for part in fresh.sort("created_at", "post").iter_slices(MOST_FRESH_CLAIMS):
        unnamed = part.with_columns(rumour=pl.lit(None, dtype=pl.String)).select(known.columns)
        found = _grouped(_liveliest(now), unnamed, around=around, words=words, rulings=rulings, taken=taken)
        now = pl.concat([now, unnamed]).update(found.select("post", "rumour"), on="post")
        similarity.update(found.select("post", "similarity").iter_rows())
    before = pl.concat([known.select("post", moved_from="rumour"), fresh.select("post", moved_from=pl.lit(None))])
    ends = now.sort("created_at", "post").join(before, on="post", maintain_order="left")
    alike = pl.col("post").replace_strict(similarity, default=None, return_dtype=pl.Float64)
    ends = _followed(ends.with_columns(similarity=alike))
    reasons = _reasons(ends["moved_from"].to_list(), ends["rumour"].to_list())
    told = ends.with_columns(reason=pl.Series(reasons, dtype=pl.String))
    return told.filter(pl.col("rumour").ne_missing(pl.col("moved_from"))).select(list(MOVES)).sort("post")


def _followed(ends: pl.DataFrame) -> pl.DataFrame:
    """`ends` with the posts that were not compared, one too many, following those of their rumour if these all left."""
    compared = ends.drop_nulls("similarity")
    went = compared.drop_nulls("moved_from").group_by("moved_from", into="rumour").agg(pl.len(), pl.mean("similarity"))
    most = went.sort("len", "into", descending=[True, False]).unique("moved_from", keep="first", maintain_order=True)
    left = most.filter(~pl.col("moved_from").is_in(compared["rumour"].to_list()))
    found = ends.join(left.drop("len"), on="moved_from", how="left", maintain_order="left")
    follows = pl.col("similarity").is_null() & pl.col("into").is_not_null()
    return found.with_columns(
        rumour=pl.when(follows).then("into").otherwise("rumour"),
        similarity=pl.coalesce("similarity", "similarity_right"),
    ).select(ends.columns)


def _grouped(
    known: pl.DataFrame,
    fresh: pl.DataFrame,
    *,
    around: Alike,
    words: TfidfVectorizer,
    rulings: Rulings,
    taken: frozenset[str],
) -> pl.DataFrame:
    """`post, rumour, similarity` of few enough posts to compare all at once; `fresh` have no rumour yet."""
    posts = pl.concat([known, fresh]).sort("created_at", "post")
    before: Names = posts["rumour"].to_list()
    pairs = _pairs(posts, around, words)
    groups = grouped(_weighed(pairs, posts["post"].to_list(), before, around.stay, rulings), threshold=around.merge)
    carried = carried_on(groups, before, first=rulings.decided)
    after = _named(groups, carried, posts["post"].to_list(), taken.union(name for name in before if name))
    return pl.DataFrame({"post": posts["post"], "rumour": after, "similarity": _similarity(pairs, groups)})


def _pairs(posts: pl.DataFrame, around: Alike, words: TfidfVectorizer) -> Array:
    """How alike every two posts are, (n, n), 0-1: copies of one another are, whatever lies between them."""
    found = around.alike(posts.drop("rumour"))
    return np.maximum(found, _copies(posts["text"], words), out=found)


def _weighed(pairs: Array, posts: list[str], before: Names, stay: float, rulings: Rulings) -> Array:
    """Alikeness as it decides who is one rumour: habit and a person's word beside it, (n, n)."""
    weighed = pairs.copy()
    weighed[_together(before)] += stay
    _decide(weighed, posts, before, rulings)
    return weighed


def _copies(texts: pl.Series, words: TfidfVectorizer) -> Array:
    """Cosine of the words of pairs that are told in nearly the same ones, 0 elsewhere: a copy is one, however late."""
    vectors = words.transform(texts)
    cosines = (vectors @ vectors.T).toarray()
    return np.where(cosines >= COPY_COSINE, np.minimum(cosines, 1.0), 0.0)


def _liveliest(known: pl.DataFrame) -> pl.DataFrame:
    """The latest posts of rumours, those heard last first, `MOST_KNOWN_CLAIMS` at most: cost grows with the square.

    Of each rumour the latest post comes before any other's second, so that a large one hides none.
    """
    ordered = known.sort("created_at", "post", descending=True)
    place = pl.int_range(pl.len()).over("rumour")
    heard = pl.col("created_at").max().over("rumour")
    first = ordered.with_columns(place=place, heard=heard).sort(
        "place", pl.col("heard"), "rumour", descending=[False, True, True]
    )
    return first.head(MOST_KNOWN_CLAIMS).drop("place", "heard")


def _together(before: Names) -> NDArray[np.bool_]:
    """(n, n): which posts were in one rumour before."""
    numbers = _numbers(before)
    return np.asarray((numbers[:, None] == numbers[None, :]) & (numbers >= 0))


def _numbers(names: Names) -> Numbers:
    """A number for each name, -1 for none."""
    place = {name: number for number, name in enumerate(dict.fromkeys(name for name in names if name is not None))}
    return np.array([-1 if name is None else place[name] for name in names], dtype=np.intp)


def _decide(weighed: Array, posts: list[str], before: Names, rulings: Rulings) -> None:
    """Put a person's decisions into the alikeness of pairs, in place.

    Whoever put two rumours into different words knew them apart: no post of the one is ever put with one of the other.
    """
    rumours = np.array(before, dtype=object)
    living = {rumour for rumour in before if rumour is not None}
    members = {rumour: np.flatnonzero(rumours == rumour) for rumour in living & {*rulings.whole, *rulings.title}}
    for rumour in living & rulings.whole:
        weighed[np.ix_(members[rumour], members[rumour])] = _ALWAYS
    for one, other in permutations(living & rulings.title.keys(), 2):
        if rulings.title[one] != rulings.title[other]:
            weighed[np.ix_(members[one], members[other])] = _NEVER
    place = {post: row for row, post in enumerate(posts)}
    for post, rumour in rulings.taken_out:
        if post in place:
            without = np.flatnonzero(rumours == rumour)
            weighed[place[post], without] = weighed[without, place[post]] = _NEVER


def _named(groups: Numbers, carried: dict[int, str], posts: list[str], taken: Collection[str]) -> list[str]:
    """Rumour of each post: that which its group goes on from, or one that the group's first post founds."""
    names, given = dict(carried), set(taken)
    for post, group in zip(posts, groups.tolist(), strict=True):
        if group not in names:
            names[group] = _free_id(post, given)
            given.add(names[group])
    return [names[group] for group in groups.tolist()]


def _free_id(post: str, taken: set[str]) -> str:
    """Id of the rumour that `post` begins; another where its own was already given."""
    found = rumour_id(post)
    while found in taken:
        found = rumour_id(found)
    return found


def _reasons(before: Names, after: list[str]) -> list[str]:
    """Why each post is where it is, from where it was; of a post that stays, a reason that nobody reads."""
    begun = {rumour for rumour in before if rumour is not None}
    living, earlier = set(after), frozenset(begun)
    reasons = []
    for was, now in zip(before, after, strict=True):
        if was is None:
            reasons.append(JOINED if now in begun else FOUNDED)
        elif was not in living:
            reasons.append(MERGED)
        else:
            reasons.append(MOVED if now in earlier else SPLIT)
        begun.add(now)
    return reasons


def _similarity(pairs: Array, groups: Numbers) -> Array:
    """Mean alikeness of every post to the others of its group; 1 for one alone."""
    rows = np.arange(len(groups))
    member = sparse.csr_matrix((np.ones(len(rows)), (rows, groups)))
    others = np.bincount(groups)[groups] - 1
    within = np.asarray(pairs @ member)[rows, groups] - np.diag(pairs)
    return np.asarray(np.where(others == 0, 1.0, within / np.maximum(others, 1)).clip(0.0, 1.0).round(_DECIMALS))
