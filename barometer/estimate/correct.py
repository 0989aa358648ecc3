"""Shares of voices corrected for the language model's errors by the audit that people labelled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import polars as pl

from barometer.city import City
from barometer.estimate.audit.agreement import agreement_of
from barometer.estimate.audit.draw import STRATA, draw_audit, with_confidence_band
from barometer.estimate.audit.settle import Settled, settle, to_audit
from barometer.estimate.borrow import covariates
from barometer.estimate.cells import PLACE
from barometer.estimate.periods import PERIOD
from barometer.estimate.prevalence import Audit, Prevalence, Voices, ppi_share
from barometer.indicators import WHOLE_CITY, Indicator, VoiceShare

METHOD = "prevalence"
UNCORRECTED = "uncorrected"
# Posts drawn of each night's new ones: as many as one person labels in an hour, and one in ten of what is new.
MOST_PER_NIGHT = 300
SHARE_PER_NIGHT = 0.1
AREA_GROUPS = ("low", "middle", "high")
_GROUP = [*PLACE, *PERIOD]
_NO_GROUP = "none"
AUDITS_SCHEMA: dict[str, pl.DataType] = {
    "indicator": pl.String(),
    "period_start": pl.Date(),
    "period_end": pl.Date(),
    "method": pl.String(),
    "reason": pl.String(),
    "audited": pl.Int64(),
    "reliance": pl.Float64(),
    "age_days": pl.Float64(),
    "drift_p": pl.Float64(),
    "is_drifting": pl.Boolean(),
    "agreement": pl.Float64(),
    "defect_correlation": pl.Float64(),
}


@dataclass(frozen=True)
class Audited:
    """The audit as a night knows it. `sample`: rows of `audit_sample`; `labels`: rows of `audit_labels`."""

    sample: pl.DataFrame
    labels: pl.DataFrame

    @cached_property
    def settled(self) -> Settled:
        """What most labellers say of each post."""
        return settle(self.labels.select("post", "labeller", "head", "label"))

    def agreement(self, heads: Sequence[str]) -> float | None:
        """Krippendorff's alpha of the head labellers agree on least; none where no post was labelled twice."""
        found = [agreement_of(self.labels, head=head).alpha for head in heads]
        known = [alpha for alpha in found if np.isfinite(alpha)]
        return min(known) if known else None


@dataclass(frozen=True)
class Corrected:
    """One share beside how it was corrected: the keys of its cell, and the result."""

    geography: str
    area: str
    period_start: date
    period_end: date
    share: Prevalence


def draw(posts: pl.DataFrame, *, city: City, night: date) -> pl.DataFrame:
    """Posts of one night for people to label: post, stratum, inclusion.

    `posts`: labelled posts of that night. The same posts give the same draw.
    """
    if posts.is_empty():
        return pl.DataFrame(schema={"post": pl.String(), "stratum": pl.String(), "inclusion": pl.Float64()})
    size = min(MOST_PER_NIGHT, int(np.ceil(SHARE_PER_NIGHT * posts.height)))
    drawn = draw_audit(in_strata(posts, city).drop("stratum"), size=size, seed=night.toordinal())
    return drawn.select("post", "stratum", "inclusion")


def in_strata(posts: pl.DataFrame, city: City) -> pl.DataFrame:
    """Labelled posts with the columns an audit is stratified by, and `stratum`, their name."""
    confidence = pl.max_horizontal("trust_trust", "trust_distrust", "trust_none")
    grouped = posts.with_columns(
        area_group=pl.col("area").replace_strict(_area_groups(city), default=_NO_GROUP, return_dtype=pl.String),
        label=pl.col("trust"),
        confidence=confidence,
    )
    banded = with_confidence_band(grouped, confidence="confidence")
    return banded.with_columns(stratum=pl.concat_str([pl.col(name) for name in STRATA], separator=" | "))


def correct(
    posts: pl.DataFrame, audited: Audited, *, indicator: Indicator, city: City, effective_n: pl.DataFrame
) -> Iterator[Corrected]:
    """Every share of one indicator that an audit can correct, and the whole city's also where it cannot.

    `posts`: what counts as a voice, with GROUP (geography, area, period), voice_weight, stratum, and the column of the
    indicator's id (does it bear the labels). `effective_n`: GROUP and effective_n, the simple random people the voices
    of each are worth.
    """
    measure = indicator.measure
    assert isinstance(measure, VoiceShare)
    strata = sorted(set(posts["stratum"]) | set(audited.sample["stratum"]))
    code = {name: number for number, name in enumerate(strata)}
    worth = {tuple(key): size for *key, size in effective_n.select(*_GROUP, "effective_n").iter_rows()}
    whole = posts.filter(pl.col("geography") == WHOLE_CITY)
    audits = {
        end: _audit_of(whole, audited, indicator=indicator, wanted=measure.labels, strata=strata, on=end)
        for end in whole["period_end"].unique().sort()
    }
    ordered = posts.sort(_GROUP, maintain_order=True)
    prediction = ordered[indicator.id].cast(pl.Float64).to_numpy()
    weight = ordered["voice_weight"].to_numpy()
    stratum = ordered["stratum"].replace_strict(code, return_dtype=pl.Int64).to_numpy()
    start_of_group = 0
    for *key, size in ordered.group_by(_GROUP, maintain_order=True).len().iter_rows():
        geography, area, start, end = key
        own = slice(start_of_group, start_of_group + size)
        start_of_group += size
        voices = Voices(
            prediction=prediction[own],
            weight=weight[own],
            effective_n=max(worth.get(tuple(key), 0.0), 1e-6),
            stratum=stratum[own],
        )
        # A neighbourhood's own voices err by chance as well, not only as the audit says on average: its share is no
        # surer than as many people's plain answers would make it.
        share = ppi_share(voices, audits[end])
        if share.method != UNCORRECTED or geography == WHOLE_CITY:
            yield Corrected(str(geography), str(area), start, end, share)


def _audit_of(
    whole: pl.DataFrame,
    audited: Audited,
    *,
    indicator: Indicator,
    wanted: dict[str, str],
    strata: Sequence[str],
    on: date,
) -> Audit | None:
    """The audit as of the end of a period: posts of that period and earlier ones that people have labelled."""
    known = whole.filter(pl.col("period_end") <= on).select("post", "day", "voice_weight", prediction=indicator.id)
    sample = audited.sample.join(known, on="post", how="inner")
    if sample.is_empty() or audited.labels.is_empty():
        return None
    audit = to_audit(sample, audited.settled, wanted=wanted, strata=strata, on=on)
    return audit if len(audit.label) else None


def _area_groups(city: City) -> dict[str, str]:
    """Neighbourhoods in three groups alike in what the city's covariates say most of; none where it states none."""
    known = covariates(city)
    if "component_1" not in known.columns:
        return {}
    third = ((pl.col("component_1").rank("ordinal") - 1) * len(AREA_GROUPS) // pl.len()).alias("third")
    return {area: AREA_GROUPS[int(number)] for area, number in known.select("area", third).iter_rows()}


def audit_rows(made: Sequence[Corrected], audited: Audited, *, indicator: Indicator, city: City) -> pl.DataFrame:
    """AUDITS_SCHEMA: how the whole city's share of each period was corrected, or why it was not."""
    measure = indicator.measure
    assert isinstance(measure, VoiceShare)
    agreement = audited.agreement(sorted(measure.labels)) if audited.labels.height else None
    rows = [
        {
            "indicator": indicator.id,
            "period_start": each.period_start,
            "period_end": each.period_end,
            "method": UNCORRECTED if each.share.method == UNCORRECTED else METHOD,
            "reason": each.share.reason or None,
            "audited": each.share.n_audit,
            "reliance": _known(each.share.lambda_),
            "age_days": _known(each.share.audit_age_days),
            "drift_p": each.share.drift.p_value,
            "is_drifting": each.share.drift.is_found,
            "agreement": agreement,
            "defect_correlation": city.thresholds.meng_defect_correlation,
        }
        for each in made
        if each.geography == WHOLE_CITY
    ]
    return pl.DataFrame(rows, schema=AUDITS_SCHEMA)


def _known(number: float) -> float | None:
    return number if np.isfinite(number) else None
