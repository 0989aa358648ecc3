"""The Shapley value of a game of a few players, over many cells at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Coalition = frozenset[str]

# 5 players have 2^5 coalitions and 120 orders, which are gone through one by one.
MOST_PLAYERS = 5


def coalitions(players: Sequence[str]) -> list[Coalition]:
    """Every subset of `players`, the empty one first and the whole last."""
    return [frozenset(some) for size in range(len(players) + 1) for some in combinations(sorted(players), size)]


def shapley(values: Mapping[Coalition, Array], players: Sequence[str]) -> dict[str, Array]:
    """Each player's part in the difference between the value of all and the value of none.

    `values`: coalition -> value of every cell, NaN where there is none. A player's part is what its joining changes,
    averaged over all orders in which the players may join (Shapley 1953, A value for n-person games); parts sum to the
    whole difference. In a cell where some coalitions have no value, the average is over the orders that pass through
    none of them; the parts are NaN where every order does. Raises `ValueError` for more than `MOST_PLAYERS` players.
    """
    if len(players) > MOST_PLAYERS:
        raise ValueError(f"{len(players)} factors are too many to go through all orders: at most {MOST_PLAYERS}")
    size = len(values[frozenset()])
    sums = {player: np.zeros(size) for player in players}
    orders = np.zeros(size)
    for order in permutations(sorted(players)):
        steps = _steps(values, order)
        is_known = np.isfinite(steps).all(axis=0)
        orders += is_known
        for player, step in zip(order, steps, strict=True):
            sums[player] += np.where(is_known, step, 0.0)
    with np.errstate(invalid="ignore"):
        return {player: np.where(orders > 0, total / orders, np.nan) for player, total in sums.items()}


def _steps(values: Mapping[Coalition, Array], order: Sequence[str]) -> Array:
    """What each player's joining changes in this order, (players, cells)."""
    path = np.stack([values[frozenset(order[:joined])] for joined in range(len(order) + 1)])
    return np.asarray(np.diff(path, axis=0), dtype=np.float64)
