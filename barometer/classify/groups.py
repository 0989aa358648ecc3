"""Which posts are one group, by the mean alikeness of their pairs; and which earlier group each one goes on from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

Array = NDArray[np.float64]
Numbers = NDArray[np.intp]


def grouped(alikeness: Array, *, threshold: float) -> Numbers:
    """Group of each of n posts, numbered from 0 by their first posts: average linkage, down to a mean of `threshold`.

    `alikeness` (n, n) may be any number; its diagonal has no say. Ties fall to the posts that come first.
    """
    count = len(alikeness)
    if count < 2:
        return np.zeros(count, dtype=np.intp)
    # Linkage asks for distances, which are not negative.
    top = max(float(alikeness.max()), threshold)
    distance = np.minimum(alikeness, alikeness.T)
    np.subtract(top, distance, out=distance)
    np.fill_diagonal(distance, 0.0)
    tree = linkage(squareform(distance, checks=False), "average")
    return by_first(fcluster(tree, top - threshold, "distance"))


def by_first(groups: NDArray[np.generic]) -> Numbers:
    """The same groups, numbered from 0 in the order in which they first appear."""
    _, first, number = np.unique(groups, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.intp)
    order[np.argsort(first)] = np.arange(len(first))
    return order[number]


def carried_on(
    groups: Numbers, before: Sequence[str | None], *, first: Sequence[Collection[str]] = ()
) -> dict[int, str]:
    """Group -> the earlier group whose name it bears on, for groups that have any: each name once, each group one.

    `before` is the name of each post's earlier group, None for a new post. The two that share most posts are matched
    first; of those that share as many, the name that appears first. Names in `first` (the most important set first)
    are matched before all others.
    """
    shared: dict[tuple[str, int], int] = {}
    for name, group in zip(before, groups.tolist(), strict=True):
        if name is not None:
            shared[name, group] = shared.get((name, group), 0) + 1
    rank = {name: next((at for at, names in enumerate(first) if name in names), len(first)) for name, _ in shared}
    age = {name: at for at, name in enumerate(dict.fromkeys(name for name, _ in shared))}
    found: dict[int, str] = {}
    for name, group in sorted(shared, key=lambda pair: (rank[pair[0]], -shared[pair], age[pair[0]], pair[1])):
        if group not in found and name not in found.values():
            found[group] = name
    return found
