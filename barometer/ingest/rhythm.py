"""A source's own rhythm: how many records it brings in which hour of the week, and how long it may be silent.

Arrivals are counted by hour of the week over the last `HISTORY_WEEKS`, each hour's mean drawn towards the mean of all
hours by the weight of `PRIOR_WEEKS` weeks. Days differ from their expectation by more than chance alone would have
them; that over-dispersion (variance over mean, McCullagh and Nelder 1989, section 4.5) makes the count of a stretch of
time negative binomial with the same mean. A source that is active on fewer than `SPARSE_SHARE` of its days (a survey in
waves, a monthly delivery) has no hours to speak of: it may be silent for `GAP_FACTOR` times its longest gap so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy.stats import nbinom, poisson

HOURS_OF_WEEK = 7 * 24
HISTORY_WEEKS = 8
PRIOR_WEEKS = 1.0
FEWEST_DAYS = 14
"""With fewer days of history nothing is expected of a source."""
SPARSE_SHARE = 0.5
FEWEST_GAPS = 2
GAP_FACTOR = 2.0
SUSPICIOUS = 0.001
"""Silence (or so few records) that its rhythm would bring less often than once in a thousand looks is suspicious."""

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Rhythm:
    """What is expected of a source. `rates`: records an hour, by hour of the week from Monday 0:00 (UTC)."""

    rates: Vector
    dispersion: float
    active_share: float
    longest_gap: timedelta
    gaps: int
    days: int

    @property
    def is_known(self) -> bool:
        """There is enough history to expect anything."""
        return self.days >= FEWEST_DAYS and self.active_share > 0

    @property
    def is_sparse(self) -> bool:
        """Its gaps say more than its hours."""
        return self.active_share < SPARSE_SHARE

    def expected(self, start: datetime, end: datetime) -> float:
        """Records between two times (UTC)."""
        return float(self.rates @ hours_between(start, end))

    def interval(self, start: datetime, end: datetime, level: float = 0.95) -> tuple[float, float]:
        """Between how many records lie with probability `level`."""
        mean, tail = self.expected(start, end), (1 - level) / 2
        if mean <= 0:
            return 0.0, 0.0
        return self._quantile(tail, mean), self._quantile(1 - tail, mean)

    def probability_of_so_few(self, records: int, start: datetime, end: datetime) -> float:
        """Probability of `records` or fewer between two times."""
        mean = self.expected(start, end)
        if mean <= 0:
            return 1.0
        if self.dispersion <= 1:
            return float(poisson.cdf(records, mean))
        return float(nbinom.cdf(records, *self._shape(mean)))

    def is_suspicious(self, *, records: int, start: datetime, end: datetime, last: datetime | None) -> bool:
        """Whether so few records between `start` and `end`, the last ever at `last`, do not fit the rhythm."""
        if not self.is_known or last is None:
            return False
        if self.is_sparse:
            return self.gaps >= FEWEST_GAPS and end - last > GAP_FACTOR * self.longest_gap
        since_last = self.probability_of_so_few(0, last, end) if records == 0 else 1.0
        return min(since_last, self.probability_of_so_few(records, start, end)) < SUSPICIOUS

    def _quantile(self, probability: float, mean: float) -> float:
        if self.dispersion <= 1:
            return float(poisson.ppf(probability, mean))
        return float(nbinom.ppf(probability, *self._shape(mean)))

    def _shape(self, mean: float) -> tuple[float, float]:
        """Negative binomial of this mean whose variance is `dispersion` times it."""
        return mean / (self.dispersion - 1), 1 / self.dispersion


def learn(times: Sequence[datetime], *, until: datetime) -> Rhythm:
    """The rhythm of what arrived at `times` (UTC) before `until`, from the last `HISTORY_WEEKS` weeks of it.

    Gaps are taken from all of `times`. The history begins at the first record, so that a young source is not thought to
    have been silent before it was there, and ends with the last, so that a dead one is not forgiven for being dead.
    """
    past = sorted(time for time in times if time < until)
    if not past:
        return Rhythm(np.zeros(HOURS_OF_WEEK), 1.0, 0.0, timedelta(0), 0, 0)
    until = min(until, past[-1] + timedelta(hours=1))
    start = max(until - timedelta(weeks=HISTORY_WEEKS), past[0])
    recent = [time for time in past if time >= start]
    exposure = hours_between(start, until)
    counts = np.bincount([hour_of_week(time) for time in recent], minlength=HOURS_OF_WEEK).astype(float)
    level = counts.sum() / max(exposure.sum(), 1e-9)
    rates = (counts + PRIOR_WEEKS * level) / (exposure + PRIOR_WEEKS)
    gaps = [after - before for before, after in pairwise(past) if after - before > timedelta(days=1)]
    observed, expected = _by_day(recent, rates, start, until)
    return Rhythm(
        rates=rates,
        dispersion=_dispersion(observed, expected),
        active_share=float((observed > 0).mean()) if len(observed) else 0.0,
        longest_gap=max(gaps, default=timedelta(0)),
        gaps=len(gaps),
        days=len(observed),
    )


def hour_of_week(time: datetime) -> int:
    """0 (Monday 0:00) to 167."""
    return time.weekday() * 24 + time.hour


def hours_between(start: datetime, end: datetime) -> Vector:
    """How many hours of each hour of the week lie between two times; parts of an hour count as parts."""
    total = np.zeros(HOURS_OF_WEEK)
    seconds = max((end - start).total_seconds(), 0.0)
    total += seconds // (HOURS_OF_WEEK * 3600)
    at = end - timedelta(seconds=seconds % (HOURS_OF_WEEK * 3600))
    while at < end:
        stop = min((at + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0), end)
        total[hour_of_week(at)] += (stop - at).total_seconds() / 3600
        at = stop
    return total


def _by_day(times: Sequence[datetime], rates: Vector, start: datetime, until: datetime) -> tuple[Vector, Vector]:
    """Records and expected records of each whole day back from `until`."""
    days = int((until - start) / timedelta(days=1))
    ago = np.array([(until - time) / timedelta(days=1) for time in times])
    observed = np.bincount(ago[ago < days].astype(int), minlength=days)[:days].astype(float)
    edges = [until - timedelta(days=day) for day in range(days + 1)]
    expected = np.array([float(rates @ hours_between(edges[day + 1], edges[day])) for day in range(days)])
    return observed, expected


def _dispersion(observed: Vector, expected: Vector) -> float:
    """Pearson's chi-square over its degrees of freedom; 1 where days differ no more than chance has them."""
    known = expected > 0
    if known.sum() < 2:
        return 1.0
    chi_square = ((observed[known] - expected[known]) ** 2 / expected[known]).sum()
    return max(1.0, float(chi_square / (known.sum() - 1)))
