"""From labels to an audit: what labellers say of a post is settled, then set beside what the classifier said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from barometer.errors import BadInput
from barometer.estimate.prevalence import Audit, Codes

_SAMPLE_COLUMNS = ("post", "day", "stratum", "inclusion", "voice_weight", "prediction")


@dataclass(frozen=True)
class Settled:
    """`labels`: post, head, label, one row where most labellers agree. `unsettled`: post, head where they are tied."""

    labels: pl.DataFrame
    unsettled: pl.DataFrame


def settle(labels: pl.DataFrame) -> Settled:
    """The label most labellers gave each post and head; a tie waits for one more labeller.

    `labels`: post, labeller, head, label, one row a judgement.
    """
    votes = labels.group_by("post", "head", "label").len("votes")
    leading = votes.filter(pl.col("votes") == pl.col("votes").max().over("post", "head"))
    is_tied = pl.len().over("post", "head") > 1
    return Settled(
        labels=leading.filter(~is_tied).select("post", "head", "label").sort("post", "head"),
        unsettled=leading.filter(is_tied).select("post", "head").unique().sort("post", "head"),
    )


def stratum_codes(names: pl.Series, *, strata: Sequence[str]) -> Codes:
    """Place of each stratum's name in `strata`; raises `BadInput` when it is not there."""
    unknown = names.filter(~names.is_in(list(strata)))
    if unknown.len():
        raise BadInput(f"stratum {unknown[0]}: is not among the strata of this audit")
    return names.replace_strict({name: code for code, name in enumerate(strata)}, return_dtype=pl.Int64).to_numpy()


def to_audit(
    sample: pl.DataFrame, settled: Settled, *, wanted: Mapping[str, str], strata: Sequence[str], on: date
) -> Audit:
    """The audit of one indicator, which asks for the labels `wanted` (head -> label), as of the day `on`.

    `sample`: posts drawn, with post, day, stratum, inclusion, voice_weight and prediction (0-1, that all wanted labels
    are borne). Posts without a settled label of every wanted head are left out, and the others of their stratum stand
    for them. Raises `BadInput` when a column of the sample is missing.
    """
    missing = [name for name in _SAMPLE_COLUMNS if name not in sample.columns]
    if missing:
        raise BadInput(f"audit sample: column {missing[0]} is missing")
    answered = sample.join(_wanted_labels(settled.labels, wanted), on="post", how="left").sort("post")
    is_labelled = pl.col("truth").is_not_null()
    response = is_labelled.mean().over("stratum")
    labelled = answered.with_columns(inclusion=pl.col("inclusion") * response).filter(is_labelled)
    return Audit(
        prediction=labelled["prediction"].cast(pl.Float64).to_numpy(),
        label=labelled["truth"].cast(pl.Float64).to_numpy(),
        inclusion=labelled["inclusion"].to_numpy(),
        weight=labelled["voice_weight"].cast(pl.Float64).to_numpy(),
        stratum=stratum_codes(labelled["stratum"], strata=strata),
        age_days=np.array([(on - day).days for day in labelled["day"]], dtype=np.float64),
    )


def _wanted_labels(labels: pl.DataFrame, wanted: Mapping[str, str]) -> pl.DataFrame:
    """post, truth: whether it bears all the labels wanted, for posts settled in every wanted head."""
    asked = labels.filter(pl.col("head").is_in(list(wanted)))
    is_borne = pl.col("label") == pl.col("head").replace_strict(dict(wanted), return_dtype=pl.String)
    whole = asked.group_by("post").agg(truth=is_borne.all(), heads=pl.len())
    return whole.filter(pl.col("heads") == len(wanted)).drop("heads")
