"""Voices, not posts: an author counts once an area, day and label, none counts for much, and the rest is discounted.

Posts are found data: who speaks up may have to do with what they say. How many simple random people the voices are
worth follows from an assumed correlation between the two (Meng 2018), which travels with the number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from barometer.errors import BadInput
from barometer.estimate.intervals import meng_effective_n

Array = npt.NDArray[np.float64]

# An author heard on more days of a period than this weighs as if heard on this many, in the same proportions: one
# person is then never more than HEAVY_AUTHOR_DAYS of a place's voice-days, however much they write.
HEAVY_AUTHOR_DAYS = 5


@dataclass(frozen=True)
class EffectiveVoices:
    """How many simple random people the voices of a place are worth, and on what assumption.

    `authors`: people heard. `alike_n`: authors of equal weight that are as informative (Kish). `population`: people the
    place has (inf where unknown). `defect_correlation`: assumed correlation between speaking up and what is said.
    """

    authors: int
    alike_n: float
    population: float
    defect_correlation: float
    effective_n: float

    def in_words(self) -> str:
        """One sentence to print beside the number."""
        assumed = f"assuming a data-defect correlation of {self.defect_correlation:g} (Meng 2018)"
        if not np.isfinite(self.population):
            return f"{self.authors} voices of an unknown population, {assumed}: worth no simple random sample."
        people = f"{self.effective_n:.1f} people drawn at random"
        return f"{self.authors} voices of {self.population:.0f} people, {assumed}: worth {people}."


def said_once(posts: pl.DataFrame, *, group: Sequence[str]) -> pl.DataFrame:
    """Each author's first post of each text (`duplicate_group`) in each group: copying oneself is not speaking again.

    `posts`: post, author, created_at, duplicate_group and the columns `group` (place and period). Different authors of
    the same words stay separate voices.
    """
    return posts.sort("created_at", "post").unique(
        subset=[*group, "author", "duplicate_group"], keep="first", maintain_order=True
    )


def author_days(posts: pl.DataFrame, *, flags: Sequence[str], group: Sequence[str]) -> pl.DataFrame:
    """One row an author and day: whether any post of that day bears each label (boolean columns `flags`)."""
    by = [*group, "author", "day"]
    return said_once(posts, group=group).group_by(by, maintain_order=True).agg(pl.col(flags).any()).sort(by)


def authors(
    days: pl.DataFrame, *, flags: Sequence[str], group: Sequence[str], most_days: int = HEAVY_AUTHOR_DAYS
) -> pl.DataFrame:
    """One row an author: `days` heard, days each label was borne, and `weight`, days capped at `most_days`."""
    by = [*group, "author"]
    counted = days.group_by(by, maintain_order=True).agg(pl.len().alias("days"), pl.col(flags).sum())
    return counted.with_columns(weight=_capped(pl.col("days"), most_days)).sort(by)


def voice_shares(people: pl.DataFrame, *, flag: str, group: Sequence[str]) -> pl.DataFrame:
    """Per group: capped share of voice-days that bear the label (`value`), `authors`, and Kish's `alike_n`."""
    weight = pl.col("weight")
    return (
        people.group_by(group, maintain_order=True)
        .agg(
            value=((weight * pl.col(flag) / pl.col("days")).sum() / weight.sum()).clip(0, 1),
            authors=pl.len(),
            alike_n=weight.sum() ** 2 / (weight**2).sum(),
        )
        .sort(group)
    )


def voice_weights(posts: pl.DataFrame, *, group: Sequence[str], most_days: int = HEAVY_AUTHOR_DAYS) -> pl.DataFrame:
    """The posts that count, each with `voice_weight`: what a correction by audited posts needs.

    The posts an author wrote on one day share one voice-day between them, and the days share the author's capped
    weight: an author's posts add up to min(days heard, `most_days`) in each group. So a mean of posts is a mean of
    voices; a day of several posts bears a label in the share of its posts that bear it.
    """
    heard = said_once(posts, group=group)
    days = pl.col("day").n_unique().over([*group, "author"])
    of_day = pl.len().over([*group, "author", "day"])
    return heard.with_columns(voice_weight=_capped(days, most_days) / days / of_day)


def effective_voices(weight: Array, *, population: float, defect_correlation: float) -> EffectiveVoices:
    """What authors of these weights are worth out of `population` people (inf where unknown).

    f = alike_n / population; effective n = f / (1 - f) / rho^2, never more than alike_n (Meng 2018, Annals of Applied
    Statistics 12:685-726, section 3). Raises `BadInput` when rho is not between 0 and 1 or nobody weighs anything.
    """
    if not 0 < defect_correlation <= 1:
        raise BadInput(f"defect_correlation: is {defect_correlation:g}; must be above 0 and at most 1")
    weight = np.asarray(weight, dtype=np.float64)
    if weight.size == 0 or not (weight >= 0).all() or weight.sum() <= 0 or not population > 0:
        raise BadInput("voices: need authors whose weights are 0 or more, not all 0, and a population above 0")
    alike_n = float(weight.sum() ** 2 / (weight**2).sum())
    effective_n = meng_effective_n(
        voices=np.array([alike_n]), population=np.array([population]), defect_correlation=defect_correlation
    )
    return EffectiveVoices(
        authors=int((weight > 0).sum()),
        alike_n=alike_n,
        population=float(population),
        defect_correlation=defect_correlation,
        effective_n=float(effective_n[0]),
    )


def _capped(days: pl.Expr, most_days: int) -> pl.Expr:
    return days.clip(upper_bound=most_days).cast(pl.Float64)
