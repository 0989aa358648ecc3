"""The reader's attack: between which whole numbers every withheld count must lie, given everything that is public.

Each count is an unknown of a system of equations (areas add up to the city, categories to everyone), between bounds
(a rounded count c is c - 2 to c + 2, a withheld one anything from 0). Its least and greatest feasible value are found
by interval arithmetic where it stands in one equation only, else by integer programming (HiGHS through scipy). Method:
Hundepool et al. (2012), Statistical Disclosure Control, sections 4.3 (the intruder's problem) and 4.4 (audit).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array
from scipy.sparse import hstack as csr_hstack
from scipy.sparse.csgraph import connected_components

from barometer.errors import ReleaseRefused

Array = npt.NDArray[np.float64]
Range = tuple[float, float]

_WITHIN_SECONDS = 20.0
# Where a withheld count has no bound at all, the solver is given one this many times the width it looks for.
_FAR = 100
_IS_WHOLE = 1e-6
# How many cells may move for one that is moved on purpose.
_WORTH_MOVING = 100.0
_MOST_ROUNDS = 12
_CHOSEN = 0.5
_SEED = 0
_MOST_TABLES = 400


@dataclass(frozen=True)
class Equation:
    """The unknowns of `terms`, each times its coefficient (1 or -1), add up to `constant`."""

    terms: Mapping[str, int]
    constant: int


@dataclass(frozen=True)
class Puzzle:
    """What a reader has: unknown -> least and greatest value it can have by itself, and the equations between them.

    `fitting`: values that fit, the true ones; a reader has them not, they only save the attack its first steps.
    """

    ranges: Mapping[str, Range]
    equations: Sequence[Equation]
    fitting: Mapping[str, float] | None = None


@dataclass(frozen=True)
class _Part:
    """A connected part of a puzzle: `matrix` (equations, unknowns) times the unknowns equals `constants`."""

    unknowns: tuple[str, ...]
    matrix: csr_array
    constants: Array
    lower: Array
    upper: Array
    fitting: Array | None = None

    def fits(self, table: Array) -> bool:
        """Whether these values lie between the bounds and solve every equation."""
        is_within = bool(((table >= self.lower) & (table <= self.upper)).all())
        return is_within and bool(np.array_equal(self.matrix @ table, self.constants))


@dataclass(frozen=True)
class _Search:
    """A question to the solver, known by its `digest`: the choice of cells and the gate ask the same one.

    `structure`: digest of its equations alone, which stay the same whatever cells are shown.
    """

    digest: bytes
    structure: bytes = field(compare=False)
    part: _Part = field(compare=False)
    wanted: Mapping[int, int] = field(compare=False)

    @classmethod
    def of(cls, part: _Part, wanted: Mapping[int, int]) -> _Search:
        """The question which of the unknowns `wanted` are narrower than asked for."""
        matrix = part.matrix.tocoo()
        structure = _digest(repr(part.unknowns), *matrix.coords, matrix.data, part.constants)
        asked = _digest(repr(sorted(wanted.items())), part.lower, part.upper)
        return cls(structure + asked, structure, part, wanted)


def _digest(text: str, *arrays: npt.NDArray[Any]) -> bytes:
    return sha256(b"".join([text.encode(), *(np.ascontiguousarray(each).tobytes() for each in arrays)])).digest()


def feasible_range(puzzle: Puzzle, unknown: str) -> Range:
    """Least and greatest whole number that `unknown` can be. Raises `ReleaseRefused` when no table fits the puzzle."""
    for part in _parts(puzzle, {unknown}):
        at = part.unknowns.index(unknown)
        if part.matrix.shape[0] == 1:
            lower, upper = _single(part)
            return float(lower[at]), float(upper[at])
        bounded = _bounded(part, 1)
        return float(_extreme(bounded, at, 1)[at]), float(_extreme(bounded, at, -1)[at])
    return puzzle.ranges[unknown]


def pinned(puzzle: Puzzle, widths: Mapping[str, int]) -> dict[str, Range]:
    """Unknowns of `widths` whose feasible range is narrower than the width asked for, with that range.

    Raises `ReleaseRefused` when no table fits the puzzle: then nothing is known of what a reader could find.
    """
    related = {name for equation in puzzle.equations for name in equation.terms}
    alone = {name: puzzle.ranges[name] for name in widths if name not in related}
    found = {name: (low, high) for name, (low, high) in alone.items() if high - low < widths[name]}
    for part in _parts(puzzle, widths):
        wanted = {at: widths[name] for at, name in enumerate(part.unknowns) if name in widths}
        is_single = part.matrix.shape[0] == 1
        narrow = _narrow_single(part, wanted) if is_single else _narrow_by_search(_Search.of(part, wanted))
        found |= {part.unknowns[at]: bounds for at, bounds in narrow.items()}
    return found


def _parts(puzzle: Puzzle, wanted: Iterable[str]) -> Iterator[_Part]:
    """The connected parts of the puzzle in which an unknown of `wanted` stands."""
    names = sorted({name for equation in puzzle.equations for name in equation.terms})
    if not names:
        return
    at = {name: k for k, name in enumerate(names)}
    entries = [(i, at[n], c) for i, equation in enumerate(puzzle.equations) for n, c in equation.terms.items()]
    rows, columns, coefficients = (np.array(each) for each in zip(*entries, strict=True))
    matrix = csr_array((coefficients.astype(float), (rows, columns)), shape=(len(puzzle.equations), len(names)))
    constants = np.array([equation.constant for equation in puzzle.equations], dtype=float)
    bounds = np.array([puzzle.ranges[name] for name in names], dtype=float)
    _, label = connected_components(abs(matrix).T @ abs(matrix), directed=False)
    for part in sorted({int(label[at[name]]) for name in wanted if name in at}):
        of_part = np.flatnonzero(label == part)
        used = np.flatnonzero(abs(matrix[:, of_part]).sum(axis=1))
        yield _Part(
            unknowns=tuple(names[k] for k in of_part),
            matrix=matrix[used][:, of_part],
            constants=constants[used],
            lower=bounds[of_part, 0],
            upper=bounds[of_part, 1],
            fitting=_fitting(puzzle, [names[k] for k in of_part]),
        )


def _fitting(puzzle: Puzzle, names: Sequence[str]) -> Array | None:
    return None if puzzle.fitting is None else np.array([puzzle.fitting[name] for name in names], dtype=float)


def _single(part: _Part) -> tuple[Array, Array]:
    """Feasible ranges of all unknowns of one equation: what the others leave. Exact, also for whole numbers."""
    sign = part.matrix.toarray()[0]
    low = np.where(sign > 0, part.lower, -part.upper)
    high = np.where(sign > 0, part.upper, -part.lower)
    rest_low, rest_high = _sum_of_others(low), _sum_of_others(high)
    most, least = part.constants[0] - rest_low, part.constants[0] - rest_high
    return (
        np.maximum(part.lower, np.where(sign > 0, least, -most)),
        np.minimum(part.upper, np.where(sign > 0, most, -least)),
    )


def _sum_of_others(values: Array) -> Array:
    """For each entry the sum of all others, infinite as soon as one of those is."""
    is_finite = np.isfinite(values)
    total, infinite = values[is_finite].sum(), values[~is_finite].sum() if (~is_finite).any() else 0.0
    others_finite = (~is_finite).sum() - ~is_finite == 0
    return np.where(others_finite, total - np.where(is_finite, values, 0.0), infinite)


def _narrow_single(part: _Part, wanted: Mapping[int, int]) -> dict[int, Range]:
    lower, upper = _single(part)
    return {
        at: (float(lower[at]), float(upper[at])) for at, width in wanted.items() if not upper[at] - lower[at] >= width
    }


@lru_cache(maxsize=64)
def _narrow_by_search(search: _Search) -> Mapping[int, Range]:
    """Tables near one that fits, each with as many unknowns as can be moved by their width, clear nearly all of them;
    the rest are taken one by one.

    An unknown seen in two tables `wanted` apart is cleared for good. What the search misses is only slower.
    """
    part, wanted = search.part, search.wanted
    bounded, unknowns = _bounded(part, max(wanted.values())), np.array(sorted(wanted))
    width = np.array([wanted[at] for at in unknowns], dtype=float)
    tables = _tables_of(search.structure)
    base = _base(bounded, tables)
    least, greatest = tables.extremes(bounded)
    is_open = greatest[unknowns] - least[unknowns] < width
    chance = np.random.default_rng(_SEED)
    for _ in range(_MOST_ROUNDS):
        if not is_open.any():
            break
        # Those that stand in one another's way seldom all stand in a random half.
        chosen = is_open & (chance.random(len(unknowns)) < _CHOSEN)
        solution = tables.keep(_moved(bounded, base, unknowns[chosen], width[chosen]))
        least, greatest = np.minimum(least, solution), np.maximum(greatest, solution)
        is_open = greatest[unknowns] - least[unknowns] < width
    for at in unknowns[is_open]:
        if greatest[at] - least[at] >= wanted[at]:
            continue
        for solution in _tables_for(bounded, base, int(at), float(wanted[at])):
            tables.keep(solution)
            least, greatest = np.minimum(least, solution), np.maximum(greatest, solution)
            if greatest[at] - least[at] >= wanted[at]:
                break
    return {at: (float(least[at]), float(greatest[at])) for at, w in wanted.items() if greatest[at] - least[at] < w}


def _base(part: _Part, tables: _Tables) -> Array:
    """A table that fits: the one handed in, or any."""
    if part.fitting is not None and part.fits(part.fitting):
        return tables.keep(part.fitting)
    return tables.keep(_solve(part, np.zeros(len(part.unknowns))))


def _moved(part: _Part, base: Array, unknowns: npt.NDArray[np.int64], width: Array) -> Array:
    """The table in which as many of `unknowns` as can be are `width` above `base`, and else as little as can be moves.

    Few cells move, so that the table still fits when another cell is shown.
    """
    up, down = part.upper - base, base - part.lower
    up[unknowns] = np.minimum(up[unknowns], width)
    cost = np.ones(2 * len(base))
    cost[unknowns] = -_WORTH_MOVING
    steps = csr_hstack([part.matrix, -part.matrix], format="csr")
    both = _Part(
        part.unknowns, steps, np.zeros(len(part.constants)), np.zeros(2 * len(base)), np.concatenate([up, down])
    )
    moves = _solve(both, cost)
    return np.asarray(base + moves[: len(base)] - moves[len(base) :])


def _tables_for(part: _Part, base: Array, at: int, width: float) -> Iterator[Array]:
    """Tables that may clear one unknown: a near one, then its least and its greatest value."""
    yield _moved(part, base, np.array([at]), np.array([width]))
    yield _extreme(part, at, 1)
    yield _extreme(part, at, -1)


@dataclass
class _Tables:
    """Tables that fitted the same equations before, whatever cells were shown then: a fit now saves the solver."""

    found: list[Array] = field(default_factory=list)

    def keep(self, table: Array) -> Array:
        """Remember one; the oldest go."""
        self.found = [*self.found[1 - _MOST_TABLES :], table]
        return table

    def extremes(self, part: _Part) -> tuple[Array, Array]:
        """Least and greatest value of each unknown over those that lie within the bounds of today."""
        least, greatest = part.upper.copy(), part.lower.copy()
        if not self.found:
            return least, greatest
        every = np.array(self.found)
        fitting = every[((every >= part.lower) & (every <= part.upper)).all(axis=1)]
        if len(fitting):
            return fitting.min(axis=0), fitting.max(axis=0)
        return least, greatest


@lru_cache(maxsize=64)
def _tables_of(structure: bytes) -> _Tables:
    return _Tables()


def _bounded(part: _Part, width: int) -> _Part:
    """The same with a bound on every unknown: a nearer bound than the reader has can only find more narrow ranges."""
    finite = part.upper[np.isfinite(part.upper)]
    far = finite.sum() + np.abs(part.constants).sum() + _FAR * width
    upper = np.minimum(part.upper, far)
    return _Part(part.unknowns, part.matrix, part.constants, part.lower, upper, part.fitting)


def _extreme(part: _Part, at: int, sign: int) -> Array:
    """A solution with the least (sign 1) or greatest (sign -1) value of one unknown."""
    cost = np.zeros(len(part.unknowns))
    cost[at] = sign
    return _solve(part, cost)


def _solve(part: _Part, cost: Array) -> Array:
    """The solution in whole numbers that costs least; over fractions first, which most often gives whole numbers."""
    for integrality in (0, 1):
        result = milp(
            cost,
            integrality=np.full(len(cost), integrality),
            bounds=Bounds(part.lower, part.upper),
            constraints=LinearConstraint(part.matrix, part.constants, part.constants),
            options={"time_limit": _WITHIN_SECONDS, "mip_rel_gap": 0.0},
        )
        if result.status == 0 and np.abs(result.x - np.round(result.x)).max() < _IS_WHOLE:
            return np.round(result.x)
    raise ReleaseRefused(
        f"the attack on {part.unknowns[0]} and {len(part.unknowns) - 1} cells tied to it found no answer "
        f"({result.message}); nothing was released; draft again, and report the fault if it stays"
    )
