"""Neighbourhood matrices: dense or sparse, islands and edges allowed, anything else refused."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from barometer.estimate.small_area import CannotEstimate, row_standardise
from barometer.estimate.small_area.proximity import check_proximity
from tests.estimate.small_area.made import lattice, ring


class TestCheckProximity:
    @pytest.mark.parametrize("form", [np.asarray, sparse.csr_array, sparse.coo_matrix, np.ndarray.tolist])
    def test_any_form(self, form: object) -> None:
        checked = check_proximity(form(ring(5)), areas=5)  # type: ignore[operator]
        np.testing.assert_array_equal(checked.toarray(), ring(5))

    def test_an_island(self) -> None:
        matrix = ring(5)
        matrix[2] = 0
        assert check_proximity(matrix, areas=5).sum() == 4

    def test_neighbours_outside_the_city(self) -> None:
        assert check_proximity(lattice(3)[:5, :5], areas=5).shape == (5, 5)

    def test_six_printed_digits(self) -> None:
        matrix = np.array([[0, 0.333333, 0.333333, 0.333334], *np.zeros((3, 4))])
        assert check_proximity(matrix, areas=4).sum() == pytest.approx(1)

    def refusal(self, matrix: object, areas: int = 5) -> str:
        with pytest.raises(CannotEstimate) as refused:
            check_proximity(matrix, areas=areas)
        return str(refused.value)

    def test_another_size(self) -> None:
        assert "proximity is 5 x 5 for 6 areas" in self.refusal(ring(5), 6)

    def test_adjacency_that_was_not_divided(self) -> None:
        assert "more than 1 at row 0, 1, 2, 3, 4: divide each row by its sum" in self.refusal(2 * ring(5))

    def test_own_neighbour(self) -> None:
        assert "diagonal" in self.refusal(np.eye(5))

    @pytest.mark.parametrize("wrong", [np.nan, -0.5, np.inf])
    def test_missing_or_negative(self, wrong: float) -> None:
        matrix = ring(5)
        matrix[0, 1] = wrong
        assert "missing or negative" in self.refusal(matrix)


class TestRowStandardise:
    def test_rows_add_up_to_one_and_islands_stay_zero(self) -> None:
        adjacency = np.array([[0, 1, 1, 0], [1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
        matrix = row_standardise(adjacency)
        np.testing.assert_array_equal(matrix.sum(axis=1), [1, 1, 1, 0])
        np.testing.assert_array_equal(matrix[0], [0, 0.5, 0.5, 0])

    def test_passes_the_check(self) -> None:
        rng = np.random.default_rng(0)
        adjacency = np.triu(rng.random((30, 30)) < 0.1, 1)
        check_proximity(row_standardise(adjacency | adjacency.T), areas=30)
