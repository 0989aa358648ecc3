"""Outliers: winsorise, then transform, until skewness and kurtosis are those a mean can stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import special, stats

from barometer.estimate.composite.structure import MAXIMUM_WINSORISED
from barometer.estimate.composite.structure import Treatment as Method

Array = npt.NDArray[np.float64]

# |skewness| > 2 together with kurtosis > 3.5 marks outliers: Groeneveld & Meeden (1984) as used by the JRC (Saisana &
# Saltelli 2012) and by COINr's default.
SKEWNESS_THRESHOLD = 2.0
KURTOSIS_THRESHOLD = 3.5
# How far below its lowest value a part is moved before a logarithm, as a share of its range (COIN Tool's log).
_SHIFT = 0.01
_FEWEST_DISTINCT = 3


@dataclass(frozen=True)
class Treated:
    """The treatment one part needed: values are cut at `lower` and `upper`, then transformed. It keeps their order."""

    kind: Literal["none", "winsorised", "log", "box_cox"]
    lower: float = -np.inf
    upper: float = np.inf
    shift: float = 0.0
    power: float = 0.0
    winsorised: int = 0

    def apply(self, values: Array) -> Array:
        """Values of the part, any shape, treated."""
        cut = np.clip(values, self.lower, self.upper)
        if self.kind in ("none", "winsorised"):
            return cut
        return np.asarray(special.boxcox(cut + self.shift, self.power), dtype=np.float64)


def skewness(values: Array) -> float:
    """Sample skewness with the small-sample correction (SAS and SPSS's; Joanes & Gill 1998); NaN below three values."""
    known = values[np.isfinite(values)]
    if known.size < 3 or np.ptp(known) == 0:
        return float("nan")
    # Values that differ in their last bits alone have no moments to speak of: NaN, and no outliers.
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(stats.skew(known, bias=False))


def kurtosis(values: Array) -> float:
    """Sample excess kurtosis with the small-sample correction (Joanes & Gill 1998); NaN below four values."""
    known = values[np.isfinite(values)]
    if known.size < 4 or np.ptp(known) == 0:
        return float("nan")
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(stats.kurtosis(known, bias=False))


def has_outliers(values: Array) -> bool:
    """Both thresholds are passed. False where neither can be worked out."""
    return abs(skewness(values)) >= SKEWNESS_THRESHOLD and kurtosis(values) >= KURTOSIS_THRESHOLD


def winsorise(values: Array, *, maximum: int = MAXIMUM_WINSORISED) -> Treated:
    """Move the outermost point of the longer tail to its neighbour until no outliers are left or `maximum` were moved.

    Ties move together, so slightly more than `maximum` can be moved (as in COINr's `winsorise`). A part that has only
    one other value (yes or no) stays as it is.
    """
    limits = Treated(kind="none")
    cut = values
    while has_outliers(cut) and limits.winsorised < maximum:
        distinct = np.unique(cut[np.isfinite(cut)])
        if distinct.size < _FEWEST_DISTINCT:
            return Treated(kind="none")
        is_high = skewness(cut) >= 0
        lower = limits.lower if is_high else float(distinct[1])
        upper = float(distinct[-2]) if is_high else limits.upper
        moved = int(((values > upper) | (values < lower)).sum())
        limits = Treated(kind="winsorised", lower=lower, upper=upper, winsorised=moved)
        cut = limits.apply(values)
    return limits


def fit_treatment(values: Array, method: Method, *, maximum: int = MAXIMUM_WINSORISED) -> Treated:
    """The treatment one part needs: none, else winsorising, else (of the untouched values) a transformation.

    `values`: (units,), NaN where missing. `winsorise_log`: log(x - min + range/100); `winsorise_box_cox`: the same
    shift and Box and Cox's (1964) power of highest likelihood. What is drawn below the lowest value published counts as
    it.
    """
    if method == "none" or not has_outliers(values):
        return Treated(kind="none")
    limits = winsorise(values, maximum=maximum)
    if method == "winsorise" or not has_outliers(limits.apply(values)):
        return limits
    return _transformation(values[np.isfinite(values)], method)


def _transformation(known: Array, method: Method) -> Treated:
    lowest = float(known.min())
    if np.unique(known).size < _FEWEST_DISTINCT:
        return Treated(kind="none")
    shift = _SHIFT * float(np.ptp(known)) - lowest
    if method == "winsorise_log":
        return Treated(kind="log", lower=lowest, shift=shift)
    return Treated(
        kind="box_cox", lower=lowest, shift=shift, power=float(stats.boxcox_normmax(known + shift, method="mle"))
    )
