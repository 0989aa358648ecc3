"""The hierarchy of a composite as columns: parts first, then groups from the bottom up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from barometer.estimate.composite.structure import Aggregation, Composite, Group, Part

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Node:
    """A group: the columns it is made of; `level` is 2 above parts, and one more at every step up."""

    id: str
    level: int
    children: tuple[int, ...]
    aggregation: Aggregation | None


@dataclass(frozen=True)
class Tree:
    """Columns 0..p-1 are the `leaves`; column p+k is `nodes[k]`, whose children have lower columns; last is the index.

    `weights` and `points`: of each column among its siblings; shape (columns,) and (experts, columns).
    """

    leaves: tuple[Part, ...]
    nodes: tuple[Node, ...]
    weights: Array
    points: Array

    @property
    def signs(self) -> Array:
        """+1 or -1 of each leaf: does a higher value count for or against."""
        return np.array([1.0 if leaf.direction == "positive" else -1.0 for leaf in self.leaves])

    @property
    def goalposts(self) -> Array:
        """Lower and upper goalpost of each leaf, shape (2, leaves); NaN where none is stated."""
        posts = [leaf.goalposts or (np.nan, np.nan) for leaf in self.leaves]
        return np.array(posts, dtype=np.float64).reshape(-1, 2).T


def grow(composite: Composite, kept: frozenset[str]) -> Tree:
    """The tree of a composite with only the leaves in `kept`; a group left with none falls away."""
    leaves = tuple(leaf for leaf in composite.leaves if leaf.id in kept)
    columns: dict[str, int] = {leaf.id: column for column, leaf in enumerate(leaves)}
    nodes: list[Node] = []
    placed: list[Part | Group] = list(leaves)

    def place(group: Group) -> int | None:
        children = [place(part) if isinstance(part, Group) else columns.get(part.id) for part in group.parts]
        known = tuple(child for child in children if child is not None)
        if not known:
            return None
        level = 1 + max(nodes[child - len(leaves)].level if child >= len(leaves) else 1 for child in known)
        nodes.append(Node(id=group.id, level=level, children=known, aggregation=group.aggregation))
        placed.append(group)
        return len(leaves) + len(nodes) - 1

    place(Group(id=composite.id, parts=composite.parts))
    weights = np.array([part.weight for part in placed], dtype=np.float64)
    experts = max((len(part.points) for part in placed), default=0)
    points = [[part.points[e] if part.points else np.nan for part in placed] for e in range(experts)]
    return Tree(leaves, tuple(nodes), weights, np.array(points, dtype=np.float64).reshape(experts, len(placed)))
