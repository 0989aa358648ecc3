"""The input rows of R's examples, read from the shared data (public data of R `sae`, GPL-2: not copied here)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest

from barometer.estimate.small_area.areas import Array


class Example(NamedTuple):
    """One of R's examples, ready to fit. `proximity` is empty where the example has none."""

    y: Array
    X: Array
    variance: Array
    proximity: Array


@pytest.fixture(scope="session")
def r_data(shared_data: Path) -> Path:
    folder = shared_data / "methods" / "sae_r"
    if not folder.is_dir():
        pytest.skip(f"no example data of R's sae at {folder}")
    return folder


@pytest.fixture(scope="session")
def milk(r_data: Path) -> Example:
    rows = pl.read_csv(r_data / "milk.csv")
    major = rows["MajorArea"].to_numpy()
    design = np.column_stack([np.ones(len(major)), *(major == level for level in (2, 3, 4))])
    return Example(rows["yi"].to_numpy(), design.astype(float), rows["SD"].to_numpy() ** 2, np.empty((0, 0)))


@pytest.fixture(scope="session")
def milk_15(milk: Example) -> Example:
    """The first 15 rows, which emdi's tests use; two of the four major areas occur."""
    design = milk.X[:15]
    return Example(milk.y[:15], design[:, design.any(axis=0)], milk.variance[:15], milk.proximity)


@pytest.fixture(scope="session")
def grapes_15(r_data: Path) -> Example:
    """The first 15 rows and neighbours among them, which emdi's tests use; proximity may add up to less than 1."""
    rows = pl.read_csv(r_data / "grapes.csv").head(15)
    proximity = pl.read_csv(r_data / "grapesprox.csv").to_numpy()[:15, :15]
    design = rows.select("area", "workdays").to_numpy()
    return Example(rows["grapehect"].to_numpy(), design, rows["var"].to_numpy(), proximity)


@pytest.fixture(scope="session")
def spacetime(r_data: Path) -> Example:
    """11 areas at 3 times, sorted by area, then time."""
    rows = pl.read_csv(r_data / "spacetime.csv")
    proximity = pl.read_csv(r_data / "spacetimeprox.csv").to_numpy().astype(float)
    design = np.column_stack([np.ones(rows.height), rows["X1"], rows["X2"]])
    return Example(rows["Y"].to_numpy(), design, rows["Var"].to_numpy(), proximity)
