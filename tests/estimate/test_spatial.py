"""Moran's I against published numbers and by hand; clusters found, false ones not; islands and gaps stated."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.city import load_city
from barometer.errors import BadInput
from barometer.estimate import spatial
from barometer.estimate.spatial import GLOBAL_SCHEMA, LOCAL_SCHEMA, global_moran, local_clusters, surround
from barometer.settings import PROJECT

START, END = date(2026, 1, 5), date(2026, 2, 1)
FEW = 199


def _estimates(values: dict[str, float | None], indicator: str = "trust") -> pl.DataFrame:
    return pl.DataFrame(
        {"area": list(values), "value": list(values.values())}, schema={"area": pl.String, "value": pl.Float64}
    ).with_columns(indicator=pl.lit(indicator), period_start=pl.lit(START), period_end=pl.lit(END))


def _borders(pairs: list[tuple[str, str]]) -> pl.DataFrame:
    both = pairs + [(b, a) for a, b in pairs]
    return pl.DataFrame(both, schema={"area": pl.String, "neighbour": pl.String}, orient="row")


def _grid(side: int) -> pl.DataFrame:
    """Areas 0000, 0001, ... of a square grid, bordering on the four around them."""
    name = [[f"{row:02d}{column:02d}" for column in range(side)] for row in range(side)]
    right = [(name[r][c], name[r][c + 1]) for r in range(side) for c in range(side - 1)]
    down = [(name[r][c], name[r + 1][c]) for r in range(side - 1) for c in range(side)]
    return _borders(right + down)


def _on_grid(values: np.ndarray) -> dict[str, float | None]:
    return {f"{r:02d}{c:02d}": float(v) for (r, c), v in np.ndenumerate(values)}


def _ring(size: int) -> pl.DataFrame:
    return _borders([(f"A{i:02d}", f"A{(i + 1) % size:02d}") for i in range(size)])


def _on_ring(values: list[float | None]) -> dict[str, float | None]:
    return {f"A{i:02d}": value for i, value in enumerate(values)}


@pytest.fixture(scope="module")
def counties() -> tuple[pl.DataFrame, pl.DataFrame]:
    examples = pytest.importorskip("libpysal.examples")
    lines = Path(examples.get_path("stl.gal")).read_text("ascii").splitlines()[1:]
    lists = zip(lines[::2], lines[1::2], strict=True)
    borders = [(head.split()[0], neighbour) for head, listed in lists for neighbour in listed.split()]
    rates = pl.read_csv(examples.get_path("stl_hom.txt"), skip_rows=1)["HR8893"].to_list()
    adjacency = pl.DataFrame(borders, schema={"area": pl.String, "neighbour": pl.String}, orient="row")
    return _estimates({str(i + 1): rate for i, rate in enumerate(rates)}), adjacency


class TestStLouis:
    """Homicide rates 1988-93 of 78 counties around St Louis, carried by libpysal, and what esda prints of them."""

    def test_moran_i(self, counties: tuple[pl.DataFrame, pl.DataFrame]) -> None:
        found = global_moran(*counties, permutations=FEW).row(0, named=True)
        assert found["moran_i"] == pytest.approx(0.243656, abs=5e-7)
        assert found["expected"] == pytest.approx(-0.012987012987)
        assert (found["n"], found["n_islands"], found["n_missing"]) == (78, 0, 0)

    def test_its_p_value_is_small_as_printed(self, counties: tuple[pl.DataFrame, pl.DataFrame]) -> None:
        """p under normality is printed as .00027; 9,999 permutations come near it (two-sided)."""
        assert global_moran(*counties)["p_value"].item() < 0.004

    def test_no_county_stands_out_at_five_percent_false_discoveries(
        self, counties: tuple[pl.DataFrame, pl.DataFrame]
    ) -> None:
        """As in esda's own example of `fdr`, where only the Bonferroni bound is left at .05."""
        found = local_clusters(*counties)
        assert found["is_significant"].sum() == 0
        assert found["cluster"].unique().to_list() == ["none"]
        assert found["p_value"].min() > 0.05 / 78  # type: ignore[operator]


class TestByHand:
    """A ring of ten: I = sum over areas of z times the mean of the two neighbours' z, over the sum of z²."""

    VALUES = (1.0, 2.0, 4.0, 7.0, 9.0, 9.5, 8.0, 6.0, 3.0, 0.5)

    def test_moran_i(self) -> None:
        z = np.array(self.VALUES) - np.mean(self.VALUES)
        lag = (np.roll(z, 1) + np.roll(z, -1)) / 2
        found = global_moran(_estimates(_on_ring(list(self.VALUES))), _ring(10), permutations=FEW)
        assert found["moran_i"].item() == pytest.approx((z * lag).sum() / (z**2).sum())
        assert found["expected"].item() == pytest.approx(-1 / 9)

    def test_quadrants(self) -> None:
        z = np.array(self.VALUES) - np.mean(self.VALUES)
        lag = (np.roll(z, 1) + np.roll(z, -1)) / 2
        own, theirs = np.where(z > 0, "high", "low"), np.where(lag > 0, "high", "low")
        found = local_clusters(_estimates(_on_ring(list(self.VALUES))), _ring(10), permutations=FEW)
        assert found["quadrant"].to_list() == [f"{a}-{b}" for a, b in zip(own, theirs, strict=True)]

    def test_the_local_values_average_to_the_global_one(self) -> None:
        estimates = _estimates(_on_ring(list(self.VALUES)))
        overall = global_moran(estimates, _ring(10), permutations=FEW)["moran_i"].item()
        local = local_clusters(estimates, _ring(10), permutations=FEW)["local_i"]
        assert local.sum() / 9 == pytest.approx(overall)

    def test_a_chequered_ring_repels(self) -> None:
        found = global_moran(_estimates(_on_ring([0.0, 1.0] * 8)), _ring(16), permutations=FEW).row(0, named=True)
        assert found["moran_i"] == pytest.approx(-1)
        assert found["p_value"] < 0.05


def test_local_p_values_are_two_sided() -> None:
    """Against permutations made here: one area of the ring, its two neighbours drawn from the other nine."""
    values = np.array([9.0, 8.0, 1.0, 3.0, 2.0, 5.0, 1.5, 2.5, 4.0, 7.0])
    found = local_clusters(_estimates(_on_ring(values.tolist())), _ring(10), permutations=9_999)
    z = values - values.mean()
    rng = np.random.default_rng(1)
    drawn = np.array([rng.permutation(z[1:])[:2].mean() for _ in range(20_000)]) * z[0]
    seen = z[0] * (z[1] + z[9]) / 2
    tail = min((drawn >= seen - 1e-12).mean(), (drawn <= seen + 1e-12).mean())
    assert found["p_value"][0] == pytest.approx(2 * tail, abs=0.012)


class TestClusters:
    """A grid of 10 x 10 with a block of high trust in one corner and of low in the other."""

    SIDE = 10

    def _map(self, seed: int, *, has_blocks: bool) -> pl.DataFrame:
        values = np.random.default_rng(seed).normal(5, 1, (self.SIDE, self.SIDE))
        if has_blocks:
            values[:4, :4] += 4
            values[6:, 6:] -= 4
        return _estimates(_on_grid(values))

    def test_the_blocks_are_found_and_named(self) -> None:
        found = local_clusters(self._map(3, has_blocks=True), _grid(self.SIDE))
        cluster = dict(found.select("area", "cluster").iter_rows())
        inside = [cluster[f"{r:02d}{c:02d}"] for r in (1, 2) for c in (1, 2)]
        below = [cluster[f"{r:02d}{c:02d}"] for r in (7, 8) for c in (7, 8)]
        assert inside == ["high-high"] * 4
        assert below == ["low-low"] * 4

    def test_one_low_area_amid_high_ones_is_named_so(self) -> None:
        values = np.full((self.SIDE, self.SIDE), 5.0) + np.random.default_rng(1).normal(0, 0.3, (10, 10))
        values[1:4, 1:4] += 4
        values[2, 2] = 2.0
        found = local_clusters(_estimates(_on_grid(values)), _grid(self.SIDE))
        assert found.filter(area="0202")["cluster"].item() == "low-high"

    def test_noise_yields_false_clusters_no_more_often_than_stated(self) -> None:
        """Sixty maps of noise: a cluster anywhere on about one in twenty."""
        maps = pl.concat(
            [self._map(s, has_blocks=False).with_columns(indicator=pl.lit(f"m{s:02d}")) for s in range(60)]
        )
        found = local_clusters(maps, _grid(self.SIDE), permutations=1_999)
        false_alarms = found.group_by("indicator").agg(pl.col("is_significant").any())["is_significant"].sum()
        assert false_alarms <= 9

    def test_without_the_control_noise_would_yield_many(self) -> None:
        found = local_clusters(self._map(5, has_blocks=False), _grid(self.SIDE), permutations=1_999)
        assert (found["p_value"] < 0.05).sum() > found["is_significant"].sum()

    def test_a_stricter_rate_finds_no_more(self) -> None:
        rates = [
            local_clusters(self._map(3, has_blocks=True), _grid(self.SIDE), false_discovery_rate=rate)
            .get_column("is_significant")
            .sum()
            for rate in (0.001, 0.01, 0.1)
        ]
        assert rates == sorted(rates)
        assert rates[0] < rates[-1]

    def test_what_is_not_significant_is_in_no_cluster(self) -> None:
        found = local_clusters(self._map(3, has_blocks=True), _grid(self.SIDE))
        assert found.filter(~pl.col("is_significant"))["cluster"].unique().to_list() == ["none"]
        assert found.filter("is_significant").select(pl.col("cluster") == pl.col("quadrant")).to_series().all()


class TestIslandsAndGaps:
    """A ring of twelve, an island, an area without a value, and one whose only neighbour has none."""

    VALUES: dict[str, float | None] = (
        {f"A{i:02d}": float((i * 5) % 7) for i in range(12)}
        | {"I01": 3.0}
        | {"M01": None, "M02": float("nan")}
        | {"P01": 4.0}
    )

    @staticmethod
    def _adjacency() -> pl.DataFrame:
        return pl.concat([_ring(12), _borders([("P01", "M01"), ("M02", "A00"), ("M01", "A03")])])

    def test_they_are_counted_and_left_out(self) -> None:
        found = global_moran(_estimates(self.VALUES), self._adjacency(), permutations=FEW).row(0, named=True)
        assert (found["n"], found["n_missing"], found["n_islands"]) == (12, 2, 2)
        alone = global_moran(
            _estimates({k: v for k, v in self.VALUES.items() if k[0] == "A"}), _ring(12), permutations=FEW
        )
        assert found["moran_i"] == pytest.approx(alone["moran_i"].item())
        assert found["p_value"] == alone["p_value"].item()

    def test_every_area_has_a_row_and_a_reason_where_it_was_not_tested(self) -> None:
        found = local_clusters(_estimates(self.VALUES), self._adjacency(), permutations=FEW)
        assert found["area"].to_list() == sorted(self.VALUES)
        reasons = dict(
            found.filter(pl.col("missing_reason").is_not_null()).select("area", "missing_reason").iter_rows()
        )
        assert reasons == {"I01": "not_applicable", "P01": "not_applicable", "M01": "too_few", "M02": "too_few"}
        assert found.filter(pl.col("missing_reason").is_not_null())["p_value"].null_count() == 4

    def test_who_is_compared_with_whom(self) -> None:
        around = surround(_estimates(self.VALUES), self._adjacency())
        assert around.islands == ["I01", "P01"]
        assert around.missing == ["M01", "M02"]
        assert around.neighbours["A00"] == ["A01", "A11"]

    def test_an_area_is_no_neighbour_of_itself(self) -> None:
        loops = pl.concat([_ring(12), _borders([("A00", "A00")])])
        assert surround(_estimates(self.VALUES), loops).neighbours["A00"] == ["A01", "A11"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([1.0, 5.0, 2.0] * 3, "too_few"),
        ([3.0] * 12, "not_applicable"),
        ([None] * 12, "too_few"),
        ([1.0, None] * 9, "too_few"),
    ],
)
def test_what_cannot_be_tested_says_why(values: list[float | None], reason: str) -> None:
    estimates, ring = _estimates(_on_ring(values)), _ring(len(values))
    overall = global_moran(estimates, ring, permutations=FEW).row(0, named=True)
    assert overall["missing_reason"] == reason
    assert overall["moran_i"] is None
    local = local_clusters(estimates, ring, permutations=FEW)
    assert local.height == len(values)
    assert local["missing_reason"].null_count() == 0


def test_each_indicator_and_period_is_tested_by_itself() -> None:
    ring, rng = _ring(12), np.random.default_rng(0)
    one = _estimates(_on_ring(rng.normal(size=12).tolist()), "trust")
    two = _estimates(_on_ring(rng.normal(size=12).tolist()), "cohesion")
    later = one.with_columns(period_start=date(2026, 2, 2), period_end=date(2026, 3, 1), value=-pl.col("value"))
    found = global_moran(pl.concat([one, two, later]), ring, permutations=FEW)
    assert found.select("indicator", "period_start").rows() == [
        ("cohesion", START),
        ("trust", START),
        ("trust", date(2026, 2, 2)),
    ]
    assert found["moran_i"][1] == pytest.approx(found["moran_i"][2])


def test_frames_have_their_columns_even_when_empty() -> None:
    none = _estimates({}).clear()
    assert dict(global_moran(none, _ring(3)).schema) == GLOBAL_SCHEMA
    assert dict(local_clusters(none, _ring(3)).schema) == LOCAL_SCHEMA


def _noise() -> pl.DataFrame:
    return _estimates(_on_grid(np.random.default_rng(8).normal(size=(5, 5))))


@pytest.mark.parametrize("test", [global_moran, local_clusters])
def test_the_same_seed_gives_the_same_numbers_and_chance_elsewhere_is_left_alone(test: Any) -> None:
    np.random.seed(12)
    expected = np.random.random(3)
    np.random.seed(12)
    first = test(_noise(), _grid(5), permutations=FEW)
    assert np.random.random(3).tolist() == expected.tolist()
    again = test(_noise(), _grid(5), permutations=FEW)
    other = test(_noise(), _grid(5), permutations=FEW, seed=5)
    assert first.equals(again)
    assert not first.equals(other)


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
@pytest.mark.parametrize("test", [global_moran, local_clusters])
def test_the_order_of_rows_changes_nothing(test: Any, chance: Any) -> None:
    estimates, adjacency = _noise(), _grid(5)
    rows, borders = list(range(estimates.height)), list(range(adjacency.height))
    chance.shuffle(rows)
    chance.shuffle(borders)
    moved = test(estimates[rows], adjacency[borders], permutations=49)
    assert test(estimates, adjacency, permutations=49).equals(moved)


@settings(max_examples=15)
@given(st.floats(0.1, 50), st.floats(-100, 100))
def test_the_unit_of_measurement_does_not_matter(scale: float, shift: float) -> None:
    moved = _noise().with_columns(pl.col("value") * scale + shift)
    plain, other = (global_moran(frame, _grid(5), permutations=19)["moran_i"].item() for frame in (_noise(), moved))
    assert other == pytest.approx(plain, abs=1e-9)


def test_a_border_listed_one_way_is_refused() -> None:
    one_way = pl.concat([_grid(5), pl.DataFrame({"area": ["0000"], "neighbour": ["0404"]})])
    with pytest.raises(BadInput, match="0000, 0404 but not 0404, 0000"):
        global_moran(_noise(), one_way)


def test_an_area_with_two_values_is_refused() -> None:
    with pytest.raises(BadInput, match="area 0000 has two values of trust"):
        local_clusters(pl.concat([_noise(), _noise()]), _grid(5))


def test_bradford_s_own_neighbourhoods() -> None:
    """63 neighbourhoods, all of one piece."""
    city = load_city("bradford", PROJECT / "configs")
    adjacency = city.adjacency.filter(pl.col("geography") == city.primary)
    # Official codes run from north to south, so their order is a map that is alike among neighbours.
    north: dict[str, float | None] = {area: float(i) for i, area in enumerate(sorted(city.neighbourhoods["area"]))}
    found = global_moran(_estimates(north), adjacency, permutations=FEW).row(0, named=True)
    assert found["n"] == 63
    assert found["n_islands"] == 0
    assert found["moran_i"] > 0.3


def test_heavy_libraries_are_loaded_only_when_needed() -> None:
    source = Path(spatial.__file__).read_text("utf-8")
    top = [line for line in source.splitlines() if line.startswith(("import", "from"))]
    assert not [line for line in top if "esda" in line or "libpysal" in line]
