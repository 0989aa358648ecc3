"""How long the small-area models take as areas grow: seconds, and how often longer for twice the areas.

Run by `make bench`. Fay-Herriot with analytic errors is linear in areas; its budget is half a second for 6,791 areas on
one core. The spatial and spatio-temporal models are dense and cubic. Prints figures; asserts nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from scipy import sparse

from barometer.estimate.small_area import (
    bootstrap_mse,
    fay_herriot,
    fit_shares,
    hierarchical_fay_herriot,
    measurement_error_fay_herriot,
    spatial_fay_herriot,
    spatiotemporal_fay_herriot,
)
from barometer.estimate.small_area.areas import Array

LINEAR_SIZES = (250, 500, 1000, 2000, 6791, 25_000, 50_000, 100_000)
DENSE_SIZES = (63, 125, 250, 500)
BUDGET_AREAS, BUDGET_SECONDS = 6791, 0.5
COVARIATES = 5


def make(areas: int) -> tuple[Array, Array, Array]:
    """Areas of a Fay-Herriot model with an intercept and four covariates."""
    rng = np.random.default_rng(areas)
    design = np.column_stack([np.ones(areas), rng.normal(size=(areas, COVARIATES - 1))])
    variance = rng.uniform(0.3, 2.0, areas)
    return design.sum(axis=1) + np.sqrt(1 + variance) * rng.normal(size=areas), design, variance


def ring(areas: int) -> sparse.csr_array:
    """Every area beside two on either hand."""
    offsets = (-2, -1, 1, 2, areas - 2, areas - 1, 1 - areas, 2 - areas)
    return sparse.csr_array(sparse.diags_array([np.full(areas - abs(o), 0.25) for o in offsets], offsets=offsets))


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one run after one to warm up."""
    work()
    began = time.process_time()
    work()
    return time.process_time() - began


def growth(name: str, sizes: tuple[int, ...], model: Callable[[Array, Array, Array], object]) -> None:
    """Print seconds for each size, and the factor per doubling since the size before."""
    before: tuple[int, float] | None = None
    for areas in sizes:
        took = seconds(partial(model, *make(areas)))
        factor = "" if before is None else f"x {(took / before[1]) ** (np.log(2) / np.log(areas / before[0])):.2f}"
        budget = f"  {took / BUDGET_SECONDS:.0%} of the budget" if areas == BUDGET_AREAS else ""
        print(f"{name:24s} {areas:8,d} areas {took:9.4f} s  {factor:7s}{budget}")
        before = areas, took


def spatial(y: Array, design: Array, variance: Array) -> object:
    """The spatial model on a ring."""
    return spatial_fay_herriot(y, design, variance, ring(len(y)))


def with_errors(y: Array, design: Array, variance: Array) -> object:
    """The measurement error model with a small error in all covariates but the intercept."""
    return measurement_error_fay_herriot(y, design, variance, np.full(design.shape, 0.01) * (design.std(axis=0) > 0))


def main() -> None:
    """Time every model."""
    for method in ("reml", "ml", "fh"):
        growth(f"fay_herriot {method}", LINEAR_SIZES, partial(fay_herriot, method=method))
    growth("hierarchical", LINEAR_SIZES, hierarchical_fay_herriot)
    growth("spatial", DENSE_SIZES, spatial)
    growth("measurement error", DENSE_SIZES, with_errors)
    y, design, variance = make(63 * 4)
    took = seconds(lambda: spatiotemporal_fay_herriot(y, design, variance, 4, ring(63)))
    print(f"spatio-temporal, 63 areas at 4 times {took:9.4f} s")
    y, design, variance = make(63)
    share, n = 1 / (1 + np.exp(-y)), np.full(63, 25.0)
    print(f"fit_shares, 63 areas {seconds(lambda: fit_shares(share, n, design)):25.4f} s")
    print(f"bootstrap of 200, 63 areas {seconds(lambda: bootstrap_mse(y, design, variance, seed=1)):19.4f} s")


if __name__ == "__main__":
    main()
