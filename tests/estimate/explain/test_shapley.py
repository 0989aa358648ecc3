"""Parts of a game: they sum to the whole, like players get like parts, and who changes nothing gets nothing."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.estimate.explain.shapley import MOST_PLAYERS, Array, Coalition, coalitions, shapley

PLAYERS = ("configuration", "language_model", "late", "new", "weights")
NUMBERS = st.floats(-100, 100, allow_nan=False)

Game = dict[Coalition, Array]


@st.composite
def games(draw: st.DrawFn, *, most: int = MOST_PLAYERS, cells: int = 3) -> tuple[tuple[str, ...], Game]:
    players = PLAYERS[: draw(st.integers(0, most))]
    values = st.lists(NUMBERS, min_size=cells, max_size=cells).map(np.array)
    return players, {each: draw(values) for each in coalitions(players)}


def by_formula(game: Game, players: tuple[str, ...], player: str) -> Array:
    """Shapley's own formula: weighted sums over the coalitions a player may join."""
    size, others = len(players), [p for p in players if p != player]
    total = np.zeros(len(game[frozenset()]))
    for joined in range(size):
        weight = math.factorial(joined) * math.factorial(size - joined - 1) / math.factorial(size)
        for some in itertools.combinations(others, joined):
            total += weight * (game[frozenset(some) | {player}] - game[frozenset(some)])
    return total


def test_coalitions_are_all_subsets_smallest_first() -> None:
    found = coalitions(("b", "a"))
    assert found == [frozenset(), frozenset("a"), frozenset("b"), frozenset("ab")]
    assert len(coalitions(PLAYERS)) == 2**5


@given(games())
def test_parts_sum_to_the_difference(drawn: tuple[tuple[str, ...], Game]) -> None:
    players, game = drawn
    parts = shapley(game, players)
    assert set(parts) == set(players)
    whole = game[frozenset(players)] - game[frozenset()]
    assert np.abs(sum(parts.values(), np.zeros(3)) - whole).max() < 1e-9


@given(games(most=4))
def test_each_part_is_the_one_of_the_formula(drawn: tuple[tuple[str, ...], Game]) -> None:
    players, game = drawn
    for player, part in shapley(game, players).items():
        assert part == pytest.approx(by_formula(game, players, player), abs=1e-9)


@given(games(most=4))
def test_who_changes_nothing_gets_nothing(drawn: tuple[tuple[str, ...], Game]) -> None:
    players, game = drawn
    widened = {**game, **{each | {"idle"}: value for each, value in game.items()}}
    parts = shapley(widened, (*players, "idle"))
    assert np.abs(parts["idle"]).max() < 1e-12
    for player, part in shapley(game, players).items():
        assert part == pytest.approx(parts[player], abs=1e-9)


@given(games(most=3))
def test_players_that_do_the_same_get_the_same(drawn: tuple[tuple[str, ...], Game]) -> None:
    players, game = drawn
    twins = ("one", "other")

    def value(each: Coalition) -> Array:
        """The twins count by how many of them there are."""
        return game[each - set(twins)] + 7.0 * len(each & set(twins)) ** 2

    everybody = (*players, *twins)
    parts = shapley({each: value(each) for each in coalitions(everybody)}, everybody)
    assert parts["one"] == pytest.approx(parts["other"], abs=1e-9)


@given(games(), st.data())
def test_the_order_in_which_players_are_named_is_no_matter(
    drawn: tuple[tuple[str, ...], Game], data: st.DataObject
) -> None:
    players, game = drawn
    first, second = shapley(game, players), shapley(game, data.draw(st.permutations(players)))
    assert all(np.array_equal(first[player], second[player]) for player in players)


@given(games(most=4), st.data())
def test_where_a_coalition_has_no_value_the_orders_around_it_still_sum(
    drawn: tuple[tuple[str, ...], Game], data: st.DataObject
) -> None:
    players, game = drawn
    inner = [each for each in game if 0 < len(each) < len(players)]
    for each in data.draw(st.sets(st.sampled_from(inner)) if inner else st.just(set())):
        game[each] = np.array([np.nan, *game[each][1:]])
    parts = shapley(game, players)
    whole = game[frozenset(players)] - game[frozenset()]
    total = sum(parts.values(), np.zeros(3))
    assert np.abs(total - whole)[1:].max() < 1e-9
    assert np.isnan(total[0]) or abs(total[0] - whole[0]) < 1e-9


def test_an_order_that_cannot_be_gone_is_left_out() -> None:
    values = {frozenset(): 0.0, frozenset("a"): np.nan, frozenset("b"): 1.0, frozenset("ab"): 5.0}
    parts = shapley({each: np.array([value]) for each, value in values.items()}, "ab")
    assert (parts["a"][0], parts["b"][0]) == (4.0, 1.0)


def test_where_no_order_can_be_gone_nothing_is_claimed() -> None:
    values = {frozenset(): 0.0, frozenset("a"): np.nan, frozenset("b"): np.nan, frozenset("ab"): 5.0}
    parts = shapley({each: np.array([value]) for each, value in values.items()}, "ab")
    assert np.isnan([*parts["a"], *parts["b"]]).all()


def test_too_many_factors_are_refused() -> None:
    players = (*PLAYERS, "one_more")
    with pytest.raises(ValueError, match="6 factors are too many"):
        shapley({each: np.zeros(1) for each in coalitions(players)}, players)
