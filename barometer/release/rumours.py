"""Rumours as they may be published: no text, no voices to count back from, no place with too few of them.

What answers a rumour comes from the city's evidence library: what a person linked to it, else a claim that clearly
shares its words, which is said to be unconfirmed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from barometer.library import read_library
from barometer.night import Night
from barometer.release.disclosure import ROUNDING_BASE
from barometer.release.rumour_places import rumour_places

SHOWN_TERMS = 6
# A claim of the library is offered where it holds so many of a rumour's terms, and so many more than the next claim.
LEAST_SHARED_TERMS = 2
LEAST_LEAD_TERMS = 2
# Words are compared by their beginnings, so that endings do not matter.
_STEM_LETTERS = 5
_DAYS_A_WEEK = 7


def published_rumours(night: Night, rumours: pl.DataFrame, *, minimum: int) -> pl.DataFrame:
    """Rumours carried by `minimum` people or more, the one most people carry first.

    Returns rumour, title (a person's sentence for it), terms, status, status_by, first_seen, last_seen, voices (floored
    to the rounding base), week_voices (people who passed it on in the last seven days, likewise), share_corrected (0-1,
    in tenths), is_contradicted, areas (codes of neighbourhoods with `minimum` of its voices or more), evidence (ids a
    person linked), suggested (ids whose words fit, confirmed by nobody).
    """
    heard = rumours.filter((pl.col("voices") >= minimum) & (pl.col("terms").list.len() > 0))
    placed = heard.join(_places(night, minimum), on="rumour", how="left", maintain_order="left")
    library = read_library(night.city.folder).to_dicts()
    ordered = placed.sort("voices", "rumour", descending=[True, False])
    return ordered.select(
        "rumour",
        "title",
        pl.col("terms").list.head(SHOWN_TERMS),
        "status",
        "status_by",
        pl.col("first_seen", "last_seen").dt.date(),
        voices=_floored(pl.col("voices")),
        week_voices=_floored(pl.col("spread_rate") * _DAYS_A_WEEK + 0.5),
        share_corrected=pl.col("share_corrected").round(1),
        is_contradicted=pl.col("corrections") > 0,
        areas=pl.col("areas_right").fill_null(pl.lit([], dtype=pl.List(pl.String))),
        evidence="evidence",
        suggested=pl.Series([suggested(row, library) for row in ordered["terms"].to_list()], dtype=pl.List(pl.String)),
    )


def _floored(count: pl.Expr) -> pl.Expr:
    """Down to a multiple of the rounding base, so that nobody can be counted back."""
    return (count // ROUNDING_BASE * ROUNDING_BASE).cast(pl.Int64)


def _places(night: Night, minimum: int) -> pl.DataFrame:
    """Neighbourhoods where each rumour is heard enough to say so: rumour, areas (codes, sorted)."""
    return rumour_places(night, minimum=minimum).group_by("rumour").agg(areas=pl.col("area").sort())


def suggested(terms: Iterable[str], library: list[dict[str, str]]) -> list[str]:
    """The id of the claim that clearly shares most of a rumour's terms; none where none does."""
    words = {stem(term) for term in terms}
    shared = sorted(((len(words & _stems(f"{e['claim']} {e['title'] or ''}")), e["id"]) for e in library), reverse=True)
    (most, best), (second, _) = [*shared, (0, ""), (0, "")][:2]
    return [best] if most >= LEAST_SHARED_TERMS and most - second >= LEAST_LEAD_TERMS else []


def answers(rumour: dict[str, Any], library: list[dict[str, str]]) -> list[dict[str, Any]]:
    """What answers a row of `published_rumours`: rows of the library with `is_confirmed`, where a person linked any."""
    linked = set(rumour["evidence"])
    ids = linked or set(rumour["suggested"])
    return [entry | {"is_confirmed": bool(linked)} for entry in library if entry["id"] in ids]


def stem(word: str) -> str:
    """The beginning by which words are compared."""
    return word.lower()[:_STEM_LETTERS]


def _stems(text: str) -> set[str]:
    letters = "".join(letter if letter.isalnum() else " " for letter in text)
    return {stem(word) for word in letters.split()}
