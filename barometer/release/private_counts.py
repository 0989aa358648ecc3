"""Counts of posts with differential privacy, for a city that asks for it (`privacy_epsilon` in thresholds.yaml).

Discrete Laplace noise (OpenDP's, seeded by the operating system) on every count of posts and of their authors a release
shows, so that the release is epsilon-differentially private in these counts for one post more or less. It is drawn once
for the same content and kept with the night: drafting again gives the same bytes, and no second draw could be averaged
with the first. What is withheld is decided on the exact counts and is not covered. Releases add up: epsilon is spent
anew by each (sequential composition; Dwork and Roth 2014, theorem 3.16).
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from barometer.errors import ReleaseRefused
from barometer.night import Night
from barometer.release.before import PERIOD

NOISE_FILE = "noise.json"
MECHANISM = "discrete Laplace"
_COVERAGE_COUNTS = ("records", "voices")


@dataclass(frozen=True)
class PrivacySpent:
    """What a release spends: `epsilon` for one post more or less, and `epsilon_so_far` with all releases before it.

    `sensitivity`: how many counts, by one each, one post can move; `scale`: of the noise, in counts.
    """

    epsilon: float
    epsilon_so_far: float
    sensitivity: int
    scale: float

    def stated(self) -> dict[str, Any]:
        """As manifest and data package state it."""
        return {"mechanism": MECHANISM, "unit": "one post", **vars(self)}


def with_noise(
    night: Night,
    estimates: pl.DataFrame,
    coverage: pl.DataFrame,
    *,
    signals: Mapping[str, str],
    spent_before: float,
) -> tuple[pl.DataFrame, pl.DataFrame, PrivacySpent | None]:
    """Exact estimates and coverage with noise on `n` of posts indicators and on records and voices of posts; 0 or more.

    Both come back as they are, with nothing spent, where the city sets no `privacy_epsilon`. Raises `ReleaseRefused`
    when it does and OpenDP is not installed.
    """
    epsilon = night.city.thresholds.privacy_epsilon
    if epsilon is None:
        return estimates, coverage, None
    is_post = pl.col("indicator").replace_strict(signals, return_dtype=pl.String) == "posts"
    of_posts, covered = estimates.filter(is_post), coverage.filter(pl.col("signal") == "posts")
    sensitivity = counts_one_post_moves(of_posts, covered)
    spent = PrivacySpent(epsilon, spent_before + epsilon, sensitivity, sensitivity / epsilon)
    noise = _noise_of(night, of_posts, covered, spent)
    noisy = _plus(of_posts, "n", noise[: of_posts.height])
    for k, name in enumerate(_COVERAGE_COUNTS):
        start = of_posts.height + k * covered.height
        covered = _plus(covered, name, noise[start : start + covered.height])
    return _back_in(estimates, noisy), _back_in(coverage, covered), spent


def counts_one_post_moves(estimates: pl.DataFrame, coverage: pl.DataFrame) -> int:
    """How many of the counts one post can be in: its area's in each geography and the city's, in all its periods."""
    places = max(estimates["geography"].n_unique(), coverage["geography"].n_unique(), 1)
    of_indicators = sum(_periods_at_once(rows) for rows in estimates.partition_by("indicator"))
    return max(places * (of_indicators + len(_COVERAGE_COUNTS) * _periods_at_once(coverage)), 1)


def _periods_at_once(rows: pl.DataFrame) -> int:
    """Most periods that share a day."""
    periods = rows.select(PERIOD).unique()
    pairs = periods.join_where(
        periods.select(start="period_start"),
        pl.col("start") >= pl.col("period_start"),
        pl.col("start") <= pl.col("period_end"),
    )
    return pairs.unique().group_by("start").len()["len"].max() or 0  # type: ignore[return-value]


def _noise_of(night: Night, estimates: pl.DataFrame, coverage: pl.DataFrame, spent: PrivacySpent) -> list[int]:
    """The noise drawn for this content, of old or now."""
    content = f"{estimates.write_csv()}{coverage.write_csv()}{spent.epsilon}{spent.sensitivity}"
    key = hashlib.sha256(content.encode()).hexdigest()
    path = night.folder / NOISE_FILE
    kept: dict[str, list[int]] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    if key not in kept:
        kept[key] = draw(estimates.height + len(_COVERAGE_COUNTS) * coverage.height, scale=spent.scale)
        night.folder.mkdir(parents=True, exist_ok=True)
        staged = night.folder / f".{NOISE_FILE}.{uuid.uuid4().hex}"
        staged.touch(mode=0o600)
        staged.write_text(json.dumps(kept) + "\n", "utf-8")
        staged.replace(path)
    return kept[key]


def draw(size: int, *, scale: float) -> list[int]:
    """`size` whole numbers of the discrete Laplace distribution, P(k) proportional to exp(-|k| / scale)."""
    try:
        import opendp.prelude as dp
    except ImportError:
        raise ReleaseRefused(
            "thresholds.yaml: privacy_epsilon is set, and OpenDP is not installed; install it (pip install "
            "'social-trust-barometer[privacy]') or leave the line out"
        ) from None
    dp.enable_features("contrib")
    numbers = dp.vector_domain(dp.atom_domain(T="i64"))
    noise = dp.m.make_laplace(numbers, dp.l1_distance(T="i64"), scale=scale)
    return [int(each) for each in noise([0] * size)]


def _plus(rows: pl.DataFrame, name: str, noise: list[int]) -> pl.DataFrame:
    return rows.with_columns((pl.col(name) + pl.Series(noise, dtype=pl.Int64)).clip(lower_bound=0).alias(name))


def _back_in(rows: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the counts of `changed` in place of their own; every other column is their key."""
    counts = [name for name in ("n", *_COVERAGE_COUNTS) if name in rows.columns]
    key = [name for name in ("indicator", "signal", "group", "geography", "area", *PERIOD) if name in rows.columns]
    return rows.update(changed.select(*key, *counts), on=key, how="left")
