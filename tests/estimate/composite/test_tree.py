"""The hierarchy as columns."""

from __future__ import annotations

import numpy as np
import pytest

from barometer.estimate.composite import Composite
from barometer.estimate.composite.tree import Tree, grow

NESTED = Composite.model_validate(
    {
        "id": "index",
        "parts": (
            {
                "id": "people",
                "weight": 2,
                "points": (6, 1),
                "parts": ({"id": "a", "points": (5, 1)}, {"id": "b", "points": (1, 1), "direction": "negative"}),
            },
            {"id": "c", "weight": 3, "points": (4, 1), "goalposts": (0, 2)},
        ),
    }
)


def _tree(*kept: str) -> Tree:
    return grow(NESTED, frozenset(kept))


def test_parts_come_first_and_the_index_last() -> None:
    tree = _tree("a", "b", "c")
    assert [leaf.id for leaf in tree.leaves] == ["a", "b", "c"]
    assert [node.id for node in tree.nodes] == ["people", "index"]


def test_children_are_columns_of_parts_or_of_earlier_groups() -> None:
    people, index = _tree("a", "b", "c").nodes
    assert people.children == (0, 1)
    assert index.children == (3, 2)


def test_levels_count_from_the_parts() -> None:
    people, index = _tree("a", "b", "c").nodes
    assert (people.level, index.level) == (2, 3)


def test_weights_and_points_follow_the_columns() -> None:
    tree = _tree("a", "b", "c")
    assert tree.weights.tolist() == [1, 1, 3, 2, 1]
    assert tree.points[0, :4].tolist() == [5, 1, 4, 6]
    assert tree.points.shape == (2, 5)


def test_signs_and_goalposts_of_the_parts() -> None:
    tree = _tree("a", "b", "c")
    assert tree.signs.tolist() == [1, -1, 1]
    assert tree.goalposts.shape == (2, 3)
    assert tree.goalposts[:, 2].tolist() == [0, 2]
    assert np.isnan(tree.goalposts[:, 0]).all()


def test_a_group_left_with_nothing_falls_away() -> None:
    tree = _tree("c")
    assert [node.id for node in tree.nodes] == ["index"]
    assert tree.nodes[0].children == (0,)
    assert tree.weights.tolist() == [3, 1]


@pytest.mark.parametrize("kept", [("a",), ("b", "c"), ("a", "b", "c")])
def test_every_kept_part_reaches_the_index(kept: tuple[str, ...]) -> None:
    tree = _tree(*kept)
    reached = {child for node in tree.nodes for child in node.children}
    assert reached == set(range(len(tree.leaves) + len(tree.nodes) - 1))
