"""As the nightly run will use it: Bradford's 63 neighbourhoods, real covariates and neighbours, a made-up truth."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from scipy import special

from barometer.city import City, load_city
from barometer.estimate.small_area import (
    choose_covariates,
    fit_shares,
    hierarchical_fay_herriot,
    interval,
    principal_components,
    row_standardise,
    spatial_fay_herriot,
)
from barometer.estimate.small_area.areas import Array
from barometer.estimate.small_area.proximity import check_proximity
from barometer.settings import PROJECT

PEOPLE_ASKED = 15


class Bradford(NamedTuple):
    """Covariates (63, k) with their names, and row-standardised proximity (63, 63), in the order of `areas`."""

    covariates: Array
    names: list[str]
    proximity: Array


@pytest.fixture(scope="module")
def bradford() -> Bradford:
    city = load_city("bradford", PROJECT / "configs")
    areas = city.neighbourhoods["area"].to_list()
    wide = city.covariates.pivot("covariate", index="area", values="value")
    wide = pl.DataFrame({"area": areas}).join(wide, on="area", how="left", maintain_order="left")
    names = [name for name in wide.columns if name != "area"]
    return Bradford(wide.select(names).to_numpy(), names, row_standardise(neighbours(city, areas)))


def neighbours(city: City, areas: list[str]) -> Array:
    beside = city.adjacency.filter(pl.col("geography") == city.primary)
    matrix, place = np.zeros((len(areas), len(areas))), {area: i for i, area in enumerate(areas)}
    for area, neighbour in beside.select("area", "neighbour").iter_rows():
        matrix[place[area], place[neighbour]] = 1
    return matrix


def trust_of(bradford: Bradford, rng: np.random.Generator) -> Array:
    """True shares: lower where deprivation is higher, and different from place to place beyond that."""
    deprived = bradford.covariates[:, bradford.names.index("imd2019_score")]
    deprived = (deprived - deprived.mean()) / deprived.std()
    return special.expit(-0.2 - 0.5 * deprived + 0.3 * rng.normal(size=63))


def ask(truth: Array, rng: np.random.Generator) -> tuple[Array, Array]:
    size = rng.integers(0, 2 * PEOPLE_ASKED, 63).astype(float)
    with np.errstate(invalid="ignore"):
        return rng.binomial(size.astype(int), truth) / size, size


class TestBradford:
    def test_its_neighbours_are_fit_for_the_models(self, bradford: Bradford) -> None:
        assert check_proximity(bradford.proximity, areas=63).nnz == 316

    def test_its_covariates_are_far_from_independent(self, bradford: Bradford) -> None:
        """29 of them, which a plain regression of 63 areas could not carry: four components hold 80 %."""
        design = principal_components(bradford.covariates, at_most=6)
        assert 3 <= design.shape[1] - 1 <= 6

    def test_shares_come_closer_with_components_than_without_and_direct(self, bradford: Bradford) -> None:
        rng, errors, inside = np.random.default_rng(0), [], []
        design = principal_components(bradford.covariates, at_most=3)
        for _ in range(25):
            truth = trust_of(bradford, rng)
            share, size = ask(truth, rng)
            with_them = fit_shares(share, size, design, method="hb")
            without = fit_shares(share, size, np.ones((63, 1)), method="hb")
            errors.append([np.nanmean((e - truth) ** 2) for e in (share, without.share, with_them.share)])
            inside.append((with_them.lower <= truth) & (truth <= with_them.upper))
        direct, without_them, model = np.sqrt(np.mean(errors, axis=0))
        assert model < 0.95 * without_them < 0.95 * direct
        assert 0.93 < np.mean(inside) < 0.975

    def test_deprivation_is_found_among_the_candidates(self, bradford: Bradford) -> None:
        """It or one of the measures that say nearly the same; rarely anything else."""
        rng, found = np.random.default_rng(1), []
        few = [n for n in bradford.names if n in ("imd2019_score", "population_density", "ethnic_mixed_share")]
        candidates = bradford.covariates[:, [bradford.names.index(name) for name in few]]
        for _ in range(8):
            logit = special.logit(trust_of(bradford, rng))
            y = logit + np.sqrt(0.2) * rng.normal(size=63)
            found.append([few[column] for column in choose_covariates(y, candidates, np.full(63, 0.2))][:1])
        assert sum(names == ["imd2019_score"] for names in found) >= 6

    def test_trust_that_runs_across_borders_is_better_told_by_neighbours(self, bradford: Bradford) -> None:
        """On the real map: effects with a correlation of 0.85 between neighbours, 50 of 63 areas asked."""
        rng, gain, inside = np.random.default_rng(2), [], []
        for _ in range(10):
            noise = 0.4 * rng.normal(size=63)
            truth = np.linalg.solve(np.eye(63) - 0.85 * bradford.proximity, noise)
            y = np.where(rng.random(63) < 0.8, truth + 0.4 * rng.normal(size=63), np.nan)
            variance, design = np.full(63, 0.16), np.ones((63, 1))
            spatial = spatial_fay_herriot(y, design, variance, bradford.proximity)
            plain = hierarchical_fay_herriot(y, design, variance)
            gain.append(((spatial.eblup - truth) ** 2).mean() / ((plain.eblup - truth) ** 2).mean())
            ends = interval(spatial)
            inside.append((ends.lower <= truth) & (truth <= ends.upper))
        assert np.mean(gain) < 0.9
        assert 0.91 < np.mean(inside) < 0.985

    def test_a_wave_in_which_hardly_anyone_answered(self, bradford: Bradford) -> None:
        """Five neighbourhoods with ten answers each: still a share for each of the 63, with intervals that admit it."""
        rng = np.random.default_rng(3)
        size = np.zeros(63)
        size[rng.choice(63, 5, replace=False)] = 10
        share = np.where(size > 0, 0.4, np.nan)
        fit = fit_shares(share, size, np.ones((63, 1)), method="hb")
        assert fit.is_sampled.sum() == 5
        assert np.isfinite(fit.share).all()
        assert (fit.upper - fit.lower)[~fit.is_sampled].min() > (fit.upper - fit.lower)[fit.is_sampled].max()
