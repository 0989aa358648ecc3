"""Invented ratings whose areas, severities and errors are known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from barometer.estimate.raters import Ratings

# Diameters of 24 plates (rows) by 6 samples of penicillin: Davies & Goldsmith (1972), Statistical Methods in Research
# and Production, 4th ed., 6.6; the data set `Penicillin` of R's lme4, whose REML fit is the reference in the tests.
_DIAMETERS = """
    27 23 26 23 23 21 27 23 26 23 23 21 25 21 25 24 24 20 26 23 25 23 23 20 25 22 26 22 23 20 24 22 25 23 22 19
    24 20 23 21 22 19 26 22 26 24 24 21 24 21 24 22 22 20 24 21 24 23 22 19 26 23 26 24 24 21 25 22 26 24 24 20
    26 24 26 24 25 22 26 23 26 23 23 20 26 23 25 24 24 22 25 22 25 23 23 20 25 21 24 23 23 20 25 22 24 23 23 19
    24 21 23 21 21 19 26 23 26 24 24 21 25 21 24 22 22 18 25 22 25 22 22 20 24 21 24 22 24 19 24 21 24 22 21 18
"""
PENICILLIN = np.array(_DIAMETERS.split(), dtype=np.float64).reshape(24, 6)


class Rated(NamedTuple):
    """`truth`: area x period, points; `severity`: what each rater adds."""

    ratings: Ratings
    truth: np.ndarray
    severity: np.ndarray


def table_of(ratings: np.ndarray) -> Ratings:
    """Every row's rater rated every column's area once, in one period."""
    rater, area = np.indices(ratings.shape)
    return as_ratings(ratings.ravel(), area.ravel(), rater.ravel(), np.zeros(ratings.size, dtype=np.int64))


def as_ratings(rating: np.ndarray, area: np.ndarray, rater: np.ndarray, period: np.ndarray) -> Ratings:
    return Ratings(rating, area, rater, period, np.ones(len(rating)))


def rated_city(
    rng: np.random.Generator,
    *,
    areas: int = 24,
    raters: int = 30,
    periods: int = 3,
    each: int = 3,
    deviations: tuple[float, float, float, float] = (0.8, 1.2, 0.3, 1.0),
    is_steady: tuple[float, float] = (1.0, 1.0),
) -> Rated:
    """Raters of 3 to 6 areas, `each` ratings a period. `deviations`: of areas, raters, areas in a period, errors."""
    of_area, of_rater, of_area_period, of_error = deviations
    severity = rng.normal(0, of_rater, raters)
    truth = 5 + rng.normal(0, 0.2, periods) + rng.normal(0, of_area, areas)[:, None]
    truth = truth + rng.normal(0, of_area_period, (areas, periods))
    known = [rng.choice(areas, rng.integers(3, 7), replace=False) for _ in range(raters)]
    rater = np.repeat(np.tile(np.arange(raters), periods), each)
    period = np.repeat(np.arange(periods), raters * each)
    area = np.array([rng.choice(known[who]) for who in rater])
    errors = rng.normal(0, of_error, len(rater)) * rng.uniform(*is_steady, raters)[rater]
    return Rated(as_ratings(truth[area, period] + severity[rater] + errors, area, rater, period), truth, severity)


def compact(rated: Rated) -> Rated:
    """The same with areas renumbered so that none is without ratings."""
    used, area = np.unique(rated.ratings.area, return_inverse=True)
    ratings = rated.ratings
    return Rated(
        Ratings(ratings.rating, area, ratings.rater, ratings.period, ratings.weight), rated.truth[used], rated.severity
    )
