"""Simulated streams of estimates whose truth is known: steady cities, and shares that fall by five points."""

from __future__ import annotations

from typing import Any

import numpy as np

Table = np.ndarray[Any, np.dtype[np.float64]]

SERIES, PERIODS = 378, 15
SHARE_BEFORE, SHARE_AFTER = 0.60, 0.55


def share_error(n: int, share: float = SHARE_BEFORE) -> float:
    """Standard error of a share among n people."""
    return float(np.sqrt(share * (1 - share) / n))


def steady(
    rng: np.random.Generator, *, series: int = SERIES, periods: int = PERIODS, together: float = 0.0
) -> tuple[Table, Table]:
    """Values around 0 and their unequal errors; `together`: correlation of the series' errors within a period."""
    errors = rng.uniform(0.5, 2.0, (series, periods))
    common, own = rng.standard_normal((1, periods)), rng.standard_normal((series, periods))
    return (np.sqrt(together) * common + np.sqrt(1 - together) * own) * errors, errors


def persistent(
    rng: np.random.Generator, correlation: float, *, series: int = SERIES, periods: int = PERIODS
) -> tuple[Table, Table]:
    """Values around 0 with error 1 that remember the period before (AR(1)), against what the detector assumes."""
    shocks = rng.standard_normal((series, periods))
    for period in range(1, periods):
        shocks[:, period] = correlation * shocks[:, period - 1] + np.sqrt(1 - correlation**2) * shocks[:, period]
    return shocks, np.ones_like(shocks)


def falling(rng: np.random.Generator, *, runs: int, before: int, since: int, error: float) -> tuple[Table, Table]:
    """Shares that stand at 60 % for `before` periods and at 55 % from then on, one row a run."""
    values = rng.normal(SHARE_BEFORE, error, (runs, before + since))
    values[:, before:] += SHARE_AFTER - SHARE_BEFORE
    return values, np.full_like(values, error)


def at_most(count: int, *, of: int, rate: float) -> bool:
    """`count` hits in `of` runs are no more than a true rate of `rate` gives, up to three binomial standard errors."""
    return count <= of * rate + 3 * np.sqrt(of * rate * (1 - rate))
