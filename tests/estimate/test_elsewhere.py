"""Covariates alone, learned elsewhere: the group left out teaches nothing, and Bradford's error is as stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from barometer.errors import BadInput
from barometer.estimate.elsewhere import leave_group_out

NAMES = ["msoa11_code", "msoa11_name", "msoa11hclnm", "Laname", "trust", "careful", "net_trust", "pop21"]


def made(*, groups: int = 6, size: int = 60, seed: int = 2) -> pl.DataFrame:
    """Areas whose target follows one of two covariates."""
    random = np.random.default_rng(seed)
    rows = groups * size
    told, idle = random.normal(size=rows), random.normal(size=rows)
    return pl.DataFrame(
        {
            "group": [f"g{k // size}" for k in range(rows)],
            "told": told,
            "idle": idle,
            "target": 2 * told + random.normal(0, 0.1, rows),
        }
    )


def test_what_covariates_say_is_learned_elsewhere() -> None:
    areas = made()
    found = leave_group_out(areas, target="target", covariates=["told", "idle"], group="group", left_out="g3")
    assert found.root_mean_squared_error < 0.3 * float(areas["target"].std())  # type: ignore[arg-type]
    idle = leave_group_out(areas, target="target", covariates=["idle"], group="group", left_out="g3")
    assert idle.mean_absolute_error > 3 * found.mean_absolute_error


def test_nothing_is_learned_from_the_group_left_out() -> None:
    areas = made()
    altered = areas.with_columns(
        target=pl.when(pl.col("group") == "g1").then(pl.col("target") + 100).otherwise("target")
    )
    first, second = (
        leave_group_out(frame, target="target", covariates=["told"], group="group", left_out="g1")
        for frame in (areas, altered)
    )
    assert np.array_equal(first.predicted, second.predicted)
    assert second.bias == pytest.approx(first.bias - 100)


def test_a_gap_in_a_covariate_is_no_obstacle() -> None:
    areas = made().with_columns(idle=pl.when(pl.int_range(pl.len()) % 7 == 0).then(None).otherwise("idle"))
    found = leave_group_out(areas, target="target", covariates=["told", "idle"], group="group", left_out="g0")
    assert np.isfinite(found.predicted).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [({"target": "nothing"}, "column nothing is missing"), ({"left_out": "g9"}, "g9 is none of its values")],
)
def test_what_is_not_there_is_named(change: dict[str, str], words: str) -> None:
    asked = {"target": "target", "group": "group", "left_out": "g0"} | change
    with pytest.raises(BadInput, match=words):
        leave_group_out(made(), covariates=["told"], **asked)


def test_bradfords_net_trust_is_told_from_the_rest_of_england(shared_data: Path) -> None:
    """Given 6,791 neighbourhoods, those of Bradford are predicted from the others to within 3 points on average.

    The comparator is itself modelled, partly from the same covariates: this is agreement, not truth.
    """
    areas = pl.read_csv(shared_data / "places" / "derived_msoa_trust_covariates" / "england_msoa11.csv")
    covariates = [name for name in areas.columns if name not in NAMES]
    assert (areas.height, len(covariates)) == (6_791, 43)
    asked = {"target": "net_trust", "group": "Laname", "left_out": "Bradford"}
    found = leave_group_out(areas, covariates=covariates, **asked)
    deprivation_alone = leave_group_out(areas, covariates=["Score"], **asked)
    assert len(found.known) == 61
    assert found.mean_absolute_error <= 0.030
    assert found.mean_absolute_error < deprivation_alone.mean_absolute_error <= 0.045
    print(
        f"43 covariates {found.mean_absolute_error:.4f}, deprivation alone {deprivation_alone.mean_absolute_error:.4f}"
    )
