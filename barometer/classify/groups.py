"""Which groups become one rumour tonight, and which rumour falls apart: average linkage over pairs of posts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

Array = NDArray[np.float64]
Numbers = NDArray[np.intp]

_NONE = -1.0


@dataclass
class _Links:
    """Sums of likelihoods between groups, and of each group the group it is linked to most: what merging needs."""

    sums: Array
    sizes: Array
    may_move: NDArray[np.bool_]

    def averages(self, group: int) -> Array:
        """Mean likelihood of a group's pairs with every other group; -1 with itself and where nothing may merge."""
        found = self.sums[group] / (self.sizes[group] * self.sizes).clip(min=1.0)
        found[(self.sizes == 0) | ~(self.may_move | self.may_move[group])] = _NONE
        found[group] = _NONE
        return cast(Array, found)

    def merge(self, kept: int, gone: int) -> None:
        self.sums[kept] += self.sums[gone]
        self.sums[:, kept] += self.sums[:, gone]
        self.sizes[kept] += self.sizes[gone]
        self.sums[gone], self.sums[:, gone], self.sizes[gone] = 0.0, 0.0, 0.0
        self.may_move[kept] |= self.may_move[gone]


def merged_groups(likelihood: Array, groups: Numbers, *, fresh: NDArray[np.bool_], threshold: float) -> Numbers:
    """Group of every post once groups that are alike are one: of the two numbers, the lower stays.

    `likelihood` (n, n) is how likely two posts carry the same claim, `groups` (n,) numbers from 0, `fresh` (n,) marks
    posts that are new tonight. The two groups whose pairs are likeliest on average merge first, down to `threshold`;
    groups without a fresh post never merge with one another, since nothing new is known of them. The numbers decide
    ties, so the result does not depend on the order of the posts.
    """
    links = _links(likelihood, groups, fresh)
    into = np.arange(len(links.sizes))
    nearest = np.array([_nearest(links, group) for group in range(len(into))]).reshape(-1, 2)
    while len(nearest) and nearest[:, 0].max() >= threshold:
        one = int(np.argmax(nearest[:, 0]))
        kept, gone = sorted((one, int(nearest[one, 1])))
        links.merge(kept, gone)
        into[into == gone] = kept
        _look_again(links, nearest, kept, gone)
    return into[groups]


def _links(likelihood: Array, groups: Numbers, fresh: NDArray[np.bool_]) -> _Links:
    count = int(groups.max(initial=-1)) + 1
    rows = np.arange(len(groups))
    member = sparse.csr_matrix((np.ones(len(rows)), (groups, rows)), shape=(count, len(rows)))
    sums = np.asarray((member @ (member @ likelihood).T).T)
    return _Links(sums, np.bincount(groups, minlength=count).astype(np.float64), member @ fresh > 0)


def _nearest(links: _Links, group: int) -> tuple[float, int]:
    averages = links.averages(group)
    best = int(np.argmax(averages))
    return (float(averages[best]), best) if links.sizes[group] else (_NONE, best)


def _look_again(links: _Links, nearest: Array, kept: int, gone: int) -> None:
    """Bring `nearest` up to date after a merge: those that were nearest to either, and those nearer to the new one."""
    averages = links.averages(kept)
    lost = np.isin(nearest[:, 1].astype(np.intp), (kept, gone))
    for group in {kept, gone, *np.flatnonzero(lost).tolist()}:
        nearest[group] = _nearest(links, group)
    nearer = averages > nearest[:, 0]
    nearest[nearer, 0], nearest[nearer, 1] = averages[nearer], kept


def fallen_apart(likelihood: Array, *, threshold: float) -> NDArray[np.bool_] | None:
    """Which posts of one group stand apart from the rest, None when it holds together.

    `likelihood` (n, n) of the group's posts. The group falls in the two halves of its average linkage when their pairs
    are on average less likely than `threshold`; the half without the first post stands apart.
    """
    if len(likelihood) < 2:
        return None
    distance = 1.0 - np.minimum(likelihood, likelihood.T)
    np.fill_diagonal(distance, 0.0)
    halves = fcluster(linkage(squareform(distance, checks=False), "average"), 2, "maxclust")
    apart = halves != halves[0]
    if not apart.any() or likelihood[np.ix_(apart, ~apart)].mean() >= threshold:
        return None
    return cast("NDArray[np.bool_]", apart)
