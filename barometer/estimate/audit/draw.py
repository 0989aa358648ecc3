"""Drawing the posts of an audit: by stratum, the same for the same seed, each with its probability of being drawn."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import optimize

from barometer.errors import BadInput

STRATA = ("area_group", "language", "label", "confidence_band")
# Upper ends of the bands of a model's confidence in the label it gave; the last band ends at 1.
BAND_ENDS = (0.6, 0.9)
POSTS_PER_AUTHOR = 2
# Two voices in a stratum are the fewest whose variance can be seen.
_LEAST_IN_STRATUM = 2
_BETWEEN = " | "
_ROUNDING = 1e-6

Counts = npt.NDArray[np.int64]


def with_confidence_band(posts: pl.DataFrame, *, confidence: str) -> pl.DataFrame:
    """Add confidence_band: low, middle or high probability of the label given (column `confidence`, 0-1)."""
    low, middle = BAND_ENDS
    p = pl.col(confidence)
    band = pl.when(p < low).then(pl.lit("low")).when(p < middle).then(pl.lit("middle")).otherwise(pl.lit("high"))
    return posts.with_columns(confidence_band=band)


def draw_audit(
    posts: pl.DataFrame,
    *,
    size: int,
    seed: int,
    strata: Sequence[str] = STRATA,
    posts_per_author: int = POSTS_PER_AUTHOR,
) -> pl.DataFrame:
    """At most `size` of the posts, stratified by the columns `strata`, never more than `posts_per_author` of an author.

    `posts`: one row a post with post, author and the strata, which may have gaps (a stratum of their own). Returns the
    rows drawn, sorted by post, with `stratum` (its name) and `inclusion` (probability with which the post was drawn).
    Two phases: of each author some posts, then of each stratum some of those; `inclusion` is the product of both.
    Chance is a hash of seed and post (permanent random numbers, Ohlsson 1995), so the draw depends on nothing else.
    Raises `BadInput` when a column is missing or a post occurs twice.
    """
    _check(posts, size, strata, posts_per_author)
    named = posts.with_columns(stratum=pl.concat_str([_named(name) for name in strata], separator=_BETWEEN))
    of_authors = _first_by_chance(
        named.with_columns(_drawn=pl.min_horizontal(pl.len().over("author"), posts_per_author)),
        by="author",
        salt=f"author/{seed}",
    ).rename({"_chance": "_of_author"})
    sizes = of_authors.group_by("stratum").len("_in_stratum").sort("stratum")
    drawn = pl.Series("_drawn", allocate(sizes["_in_stratum"].to_numpy().astype(np.int64), size))
    of_strata = _first_by_chance(
        of_authors.drop("_drawn").join(sizes.with_columns(drawn).drop("_in_stratum"), on="stratum"),
        by="stratum",
        salt=f"stratum/{seed}",
    )
    inclusion = of_strata.with_columns(inclusion=pl.col("_of_author") * pl.col("_chance"))
    return inclusion.select(*posts.columns, "stratum", "inclusion").sort("post")


def allocate(sizes: Counts, total: int) -> Counts:
    """How many of `total` to draw from strata of these sizes: by the root of the size, at least two each.

    Power allocation (Bankier 1988, The American Statistician 42:174-177) lies between equal shares, good for each
    stratum, and proportional ones, good for the whole. No stratum gives more than it has; where `total` is too small
    for two each, the largest come first.
    """
    sizes = np.asarray(sizes, dtype=np.int64)
    if total >= sizes.sum():
        return sizes
    roots, least = np.sqrt(sizes), np.minimum(sizes, min(_LEAST_IN_STRATUM, total // len(sizes)))
    most = float(roots.max())
    rate = optimize.brentq(lambda rate: np.clip(rate * roots, least, sizes).sum() - total, 0.0, most)
    exact = np.clip(rate * roots, least, sizes)
    whole = np.floor(exact + _ROUNDING).astype(np.int64)
    largest_remainders = np.argsort(whole - exact, kind="stable")[: total - int(whole.sum())]
    whole[largest_remainders] += 1
    return whole


def _check(posts: pl.DataFrame, size: int, strata: Sequence[str], posts_per_author: int) -> None:
    missing = [name for name in ("post", "author", *strata) if name not in posts.columns]
    if missing:
        raise BadInput(f"posts to audit: column {missing[0]} is missing")
    if posts["post"].is_duplicated().any():
        raise BadInput("posts to audit, column post: a post occurs twice")
    if size < 1 or posts_per_author < 1 or not strata:
        raise BadInput("an audit needs a size, posts per author and strata of 1 or more")


def _named(column: str) -> pl.Expr:
    return pl.col(column).cast(pl.String).fill_null("none")


def _first_by_chance(posts: pl.DataFrame, *, by: str, salt: str) -> pl.DataFrame:
    """The first `_drawn` posts of each group in the order of a hash, with `_chance`, the probability of that."""
    ordered = posts.with_columns(
        _key=pl.Series([_hash(salt, post) for post in posts["post"]], dtype=pl.String), _size=pl.len().over(by)
    )
    kept = ordered.filter(pl.col("_key").rank("ordinal").over(by) <= pl.col("_drawn"))
    return kept.with_columns(_chance=pl.col("_drawn") / pl.col("_size")).drop("_key", "_size")


def _hash(salt: str, post: str) -> str:
    return hashlib.sha256(f"{salt}/{post}".encode()).hexdigest()
