"""How finely a figure of n people is shown: no finer than one of them could move it.

One person's answer moves a share, or a mean by a scale point, by 1/n. A figure shown in steps of 1/n or wider cannot be
turned back into "k of n", tells no n finer than the rounded one beside it, and hides whether one person came, went or
changed their mind: the rule for counts (rounded to 5) carried over to what is made of them. The step is the smallest of
1, 2 or 5 times a power of ten that is not below 1/n of the rounded n; at n = 50 it is 0.02, while chance alone moves a
share of 50 people by 0.07 (its standard error), so little is lost.
"""

from __future__ import annotations

import polars as pl

# What no figure is shown finer than, however many people are behind it.
FINEST = 0.001
_STEPS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
# A standard error in tenths of the step: it follows from value and n, and would else give back what rounding took.
_ERROR_STEPS = 10
# Reliability follows from n and one number common to all areas of a period: finer steps would give back every n.
RELIABILITY_STEP = 0.05
_SMALL_EFFECTIVE_N = 10
_TINY = 1e-9


def finest_step(rounded_n: int) -> float:
    """Step in which a figure of `rounded_n` people is shown, in the figure's unit."""
    if rounded_n <= 0:
        return FINEST
    return next((each for each in _STEPS if 1 / rounded_n <= each + _TINY), _STEPS[-1])


def step(n: pl.Expr) -> pl.Expr:
    """The same for a column of rounded n."""
    finest_allowed = 1 / n.cast(pl.Float64)
    chosen = pl.lit(_STEPS[-1])
    for each in reversed(_STEPS[:-1]):
        chosen = pl.when(finest_allowed <= each + _TINY).then(each).otherwise(chosen)
    return pl.when(n > 0).then(chosen).otherwise(FINEST)


def coarse(rounded_n: pl.Expr) -> list[pl.Expr]:
    """value to the nearest step, lower down and upper up to one, so that the interval still holds what it held.

    The standard error goes up to a tenth of a step. Columns: value, lower, upper, standard_error.
    """
    width = step(rounded_n)
    error = pl.max_horizontal(width / _ERROR_STEPS, pl.lit(FINEST))
    return [
        to_step("value", width),
        down_to_step("lower", width),
        up_to_step("upper", width),
        up_to_step("standard_error", error),
    ]


def to_step(column: str, width: pl.Expr) -> pl.Expr:
    """The column to the nearest multiple of `width`."""
    return _clean((pl.col(column) / width).round() * width).alias(column)


def down_to_step(column: str, width: pl.Expr) -> pl.Expr:
    """The column to the multiple of `width` that is not above it."""
    return _clean((pl.col(column) / width + _TINY).floor() * width).alias(column)


def up_to_step(column: str, width: pl.Expr) -> pl.Expr:
    """The column to the multiple of `width` that is not below it."""
    return _clean((pl.col(column) / width - _TINY).ceil() * width).alias(column)


def coarse_reliability() -> pl.Expr:
    """Reliability in steps of `RELIABILITY_STEP`."""
    return _clean((pl.col("reliability") / RELIABILITY_STEP).round() * RELIABILITY_STEP)


def coarse_effective_n(rounding_base: int) -> pl.Expr:
    """Effective n to the nearest multiple of `rounding_base`, below ten to a whole number, below one to a tenth."""
    exact = pl.col("effective_n")
    return (
        pl.when(exact >= _SMALL_EFFECTIVE_N)
        .then((exact / rounding_base).round() * rounding_base)
        .when(exact >= 1)
        .then(exact.round())
        .otherwise(exact.round(1))
    )


def _clean(number: pl.Expr) -> pl.Expr:
    """Without the dust of binary fractions, and with no minus before a zero."""
    return number.round(6) + 0.0
