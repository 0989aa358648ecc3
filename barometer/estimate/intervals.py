"""Standard errors and 95 % intervals that stay inside the scale. Arrays in, arrays out, element by element."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

CONFIDENCE = 0.95
Z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
_LOWER_TAIL = (1 - CONFIDENCE) / 2
_MINIMUM_DF = 1.0

Array = npt.NDArray[np.float64]


class Interval(NamedTuple):
    """A standard error and the ends of a 95 % interval, in the value's unit."""

    standard_error: Array
    lower: Array
    upper: Array


def wilson(*, share: Array, effective_n: Array) -> Interval:
    """Score interval of a proportion from `effective_n` simple random draws.

    Wilson (1927), JASA 22:209-212. Always contains `share`. The standard error is half the interval's width over z, so
    that it is not zero where everybody, or nobody, says yes.
    """
    n = np.asarray(effective_n, dtype=np.float64)
    scale = 1 + Z**2 / n
    centre = (share + Z**2 / (2 * n)) / scale
    half = Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / scale
    lower, upper = np.clip(centre - half, 0, share), np.clip(centre + half, share, 1)
    return Interval(half / Z, lower, upper)


def logit_t(*, share: Array, standard_error: Array, df: Array) -> Interval:
    """Interval of a proportion strictly inside 0-1: t on the logit scale, turned back (Korn & Graubard 1999, ch. 3)."""
    centre = np.log(share / (1 - share))
    half = t_quantile(df) * standard_error / (share * (1 - share))
    lower = np.minimum(_expit(centre - half), share)
    upper = np.maximum(_expit(centre + half), share)
    return Interval(standard_error, lower, upper)


def mean_t(*, mean: Array, standard_error: Array, df: Array, minimum: float, maximum: float) -> Interval:
    """Interval of a mean of answers on a bounded scale: t, cut at the ends of the scale."""
    half = t_quantile(df) * standard_error
    return Interval(standard_error, np.clip(mean - half, minimum, mean), np.clip(mean + half, mean, maximum))


def poisson_rate(*, events: Array, exposure: Array, dispersion: Array) -> Interval:
    """Interval of `events / exposure` when events are `dispersion` times as variable as Poisson counts.

    Garwood's exact limits (Biometrika 28:437-442, 1936) on events/dispersion, turned back: quasi-Poisson. With no event
    the upper limit still says what rate could have gone unseen, and the standard error is half the width over z.
    """
    effective = events / dispersion
    lower = np.where(effective > 0, stats.chi2.ppf(_LOWER_TAIL, 2 * np.maximum(effective, 1e-9)) / 2, 0.0)
    upper = stats.chi2.ppf(1 - _LOWER_TAIL, 2 * (effective + 1)) / 2
    back = dispersion / exposure
    usual = np.sqrt(dispersion * events) / exposure
    unseen = upper * back / (2 * Z)
    return Interval(np.where(events > 0, usual, unseen), lower * back, upper * back)


def meng_effective_n(*, voices: Array, population: Array, defect_correlation: float) -> Array:
    """Simple random sample as informative as `voices` self-selected people out of `population`.

    n_eff = f/(1-f) / E[rho^2], f = voices/population, rho the correlation between speaking up and what is measured
    (Meng 2018, Annals of Applied Statistics 12:685-726, section 3). Never more than `voices`.
    """
    fraction = np.clip(voices / population, 0, 1)
    with np.errstate(divide="ignore"):
        informative = fraction / (1 - fraction) / defect_correlation**2
    return np.minimum(informative, voices)


def dispersion_of(*, chi_squared: float, df: float) -> float:
    """Pearson over-dispersion of counts, at least 1: never more certain than Poisson (McCullagh & Nelder 1989, 4.5)."""
    return max(chi_squared / df, 1.0) if df > 0 else 1.0


def t_quantile(df: Array) -> Array:
    """Upper 97.5 % point of Student's t; below one degree of freedom as for one."""
    return np.asarray(stats.t.ppf(1 - _LOWER_TAIL, np.maximum(df, _MINIMUM_DF)), dtype=np.float64)


def _expit(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -700, 700))), dtype=np.float64)
