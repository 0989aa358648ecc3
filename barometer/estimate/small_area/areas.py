"""Areas fit to model: direct estimates, covariates and variances, checked once, with an orthonormal basis of X."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg

from barometer.estimate.small_area.errors import CannotEstimate

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]

# Columns of X whose part not explained by the others is below this share of their length cannot be told apart:
# the square root of float64's precision leaves 8 sound digits in every coefficient.
SMALLEST_SHARE = 1e-8
_NAMED_AT_MOST = 5


@dataclass(frozen=True, eq=False)
class Areas:
    """`m` areas of which some were sampled.

    `y` and `variance` are (m,), NaN where not sampled; `X` is (m, p). `basis` is X times the inverse of `triangle`
    (p, p upper triangular): its sampled rows are orthonormal columns, so that badly scaled covariates lose no digits.
    """

    y: Array
    X: Array
    variance: Array
    is_sampled: Mask
    basis: Array
    triangle: Array

    @property
    def sampled_y(self) -> Array:
        return self.y[self.is_sampled]

    @property
    def sampled_basis(self) -> Array:
        return self.basis[self.is_sampled]

    @property
    def sampled_variance(self) -> Array:
        return self.variance[self.is_sampled]

    def coefficients(self, of_basis: Array) -> Array:
        """Coefficients of X from those of the basis."""
        return np.asarray(linalg.solve_triangular(self.triangle, of_basis), dtype=np.float64)

    def coefficient_covariance(self, of_basis: Array) -> Array:
        """Covariance of the coefficients of X from that of the basis'."""
        half = linalg.solve_triangular(self.triangle, of_basis)
        return np.asarray(linalg.solve_triangular(self.triangle, half.T).T, dtype=np.float64)


def check_areas(y: npt.ArrayLike, X: npt.ArrayLike, variance: npt.ArrayLike) -> Areas:  # noqa: N803
    """Direct estimates `y` (m,), covariates `X` (m, p) and sampling variances (m,) as `Areas`.

    An area whose `y` or `variance` is NaN was not sampled. Raises `CannotEstimate` where shapes disagree, a covariate
    is missing, a variance is not positive, the covariates are collinear, or areas are not more than covariates.
    """
    y, variance, covariates = _floats("y", y), _floats("variance", variance), _matrix(X)
    _check_shapes(y, covariates, variance)
    _check_covariates(covariates)
    is_sampled = ~(np.isnan(y) | np.isnan(variance))
    _check_sampled(y, variance, is_sampled)
    _check_enough(int(is_sampled.sum()), covariates.shape[1])
    basis, triangle = _orthonormal(covariates, is_sampled)
    return Areas(
        y=np.where(is_sampled, y, np.nan),
        X=covariates,
        variance=np.where(is_sampled, variance, np.nan),
        is_sampled=is_sampled,
        basis=basis,
        triangle=triangle,
    )


def rows_of(wrong: Mask) -> str:
    """The first few row numbers where `wrong` holds, in words."""
    rows = np.flatnonzero(wrong)
    named = ", ".join(str(row) for row in rows[:_NAMED_AT_MOST])
    more = f" and {len(rows) - _NAMED_AT_MOST} more" if len(rows) > _NAMED_AT_MOST else ""
    return f"row {named}{more}"


def _floats(name: str, values: npt.ArrayLike) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise CannotEstimate(f"{name} has {array.ndim} dimensions, not one: give one number an area")
    return array


def _matrix(X: npt.ArrayLike) -> Array:  # noqa: N803
    array = np.asarray(X, dtype=np.float64)
    array = array[:, np.newaxis] if array.ndim == 1 else array
    if array.ndim != 2 or array.shape[1] == 0:
        raise CannotEstimate("X has no covariate: give at least a column of ones")
    return array


def _check_shapes(y: Array, X: Array, variance: Array) -> None:  # noqa: N803
    if not len(y) == len(X) == len(variance):
        raise CannotEstimate(
            f"y has {len(y)} areas, X {len(X)} and variance {len(variance)}: give all three for the same areas"
        )


def _check_covariates(X: Array) -> None:  # noqa: N803
    missing = ~np.isfinite(X)
    if missing.any():
        column = int(np.flatnonzero(missing.any(axis=0))[0])
        raise CannotEstimate(
            f"covariate column {column} is missing at {rows_of(missing[:, column])}: fill it in or leave the column out"
        )


def _check_sampled(y: Array, variance: Array, is_sampled: Mask) -> None:
    infinite = is_sampled & ~(np.isfinite(y) & np.isfinite(variance))
    if infinite.any():
        raise CannotEstimate(f"y or variance is infinite at {rows_of(infinite)}: give NaN for an area not sampled")
    not_positive = is_sampled & ~(variance > 0)
    if not_positive.any():
        raise CannotEstimate(
            f"sampling variance is zero or negative at {rows_of(not_positive)}: smooth the variances over areas, "
            "or give NaN to treat the area as not sampled"
        )


def _check_enough(sampled: int, covariates: int) -> None:
    if sampled <= covariates:
        raise CannotEstimate(
            f"{sampled} sampled areas cannot carry {covariates} covariates: use at most {max(sampled - 1, 0)}"
        )


def _orthonormal(X: Array, is_sampled: Mask) -> tuple[Array, Array]:  # noqa: N803
    """`X` times an inverse triangle, and the triangle; raises where a column hangs on the others."""
    sampled = X[is_sampled]
    length = np.sqrt((sampled**2).sum(axis=0))
    if (length == 0).any():
        raise CannotEstimate(f"covariate column {int(np.argmin(length))} is zero in every sampled area: leave it out")
    triangle = np.linalg.qr(sampled / length, mode="r")
    share = np.abs(np.diag(triangle))
    if (share < SMALLEST_SHARE).any():
        column = int(np.argmax(share < SMALLEST_SHARE))
        raise CannotEstimate(
            f"covariate column {column} is a combination of the columns before it in the sampled areas "
            "(a second constant counts as one): leave it out"
        )
    triangle = triangle * length
    basis = linalg.solve_triangular(triangle, X.T, trans="T").T
    return np.asarray(basis, dtype=np.float64), np.asarray(triangle, dtype=np.float64)
