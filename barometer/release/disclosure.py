"""Disclosure control: which cells a release must not show, so that no small group of people can be read or worked out.

The policy: a cell with 1 to `MINIMUM_PERSONS` - 1 people behind it is withheld; then further cells are withheld until
no withheld cell follows from the totals and the other cells, in this release or together with the release before it;
what is shown is shown with counts of people rounded to `ROUNDING_BASE`. Withheld cells all look alike.
Rules followed: Office for National Statistics, "Policy on protecting confidentiality in tables of birth and death
statistics" (threshold, secondary suppression) and its differencing tests; Hundepool et al. (2012), Statistical
Disclosure Control, chapter 4 (cell suppression and its audit).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.linalg import svd

MINIMUM_PERSONS = 10
ROUNDING_BASE = 5

_IS_FIXED_BELOW = 1e-9
_THEN = "then "
_OF = " of "


@dataclass(frozen=True)
class Total:
    """An additive relation a reader may use: the persons of `whole` are those of its `parts` together."""

    whole: str
    parts: tuple[str, ...]

    @property
    def cells(self) -> tuple[str, ...]:
        """All cells of the relation."""
        return (*self.parts, self.whole)


@dataclass(frozen=True)
class Former:
    """The same cells in an earlier release: which were withheld, and which are the same rows now.

    `states`: every cell of that release -> what its row was like, any text; needed as soon as there are several earlier
    releases, to tell which cells are the same in two of them.
    """

    withheld: frozenset[str]
    unchanged: frozenset[str]
    states: Mapping[str, str] = field(default_factory=dict)

    def name(self, cell: str) -> str:
        """The unknown behind a cell of that release: today's where nothing changed."""
        return cell if cell in self.unchanged else f"{_THEN}{self.states.get(cell, '')}{_OF}{cell}"

    @property
    def shown(self) -> frozenset[str]:
        """Unknowns that release told everybody."""
        return frozenset(self.name(cell) for cell in (self.unchanged | self.states.keys()) - self.withheld)


def known_from(formers: Sequence[Former]) -> frozenset[str]:
    """Unknowns that any of the earlier releases told everybody; today's cells among them under their own names."""
    return frozenset().union(*(former.shown for former in formers))


def is_small(persons: int, *, minimum: int = MINIMUM_PERSONS) -> bool:
    """The cell has people behind it, and fewer than `minimum`. Nobody at all is no disclosure."""
    return 0 < persons < minimum


def rounded(persons: int) -> int:
    """`persons` to the nearest multiple of `ROUNDING_BASE`."""
    return ROUNDING_BASE * ((persons + ROUNDING_BASE // 2) // ROUNDING_BASE)


def withheld_cells(
    persons: Mapping[str, int],
    totals: Sequence[Total],
    *,
    minimum: int = MINIMUM_PERSONS,
    formers: Sequence[Former] = (),
    sensitive: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """Cells to withhold: the small ones, and as many more as it takes that none can be worked out.

    `persons`: exact number of people behind each cell; `sensitive`: cells to withhold for another reason. Each round
    withholds the cell that costs least among those that help, so the result is the same for the same input.
    """
    withheld = {cell for cell, count in persons.items() if is_small(count, minimum=minimum)} | sensitive
    while (helper := _next_to_withhold(persons, totals, withheld, minimum=minimum, formers=formers)) is not None:
        withheld.add(helper)
    return frozenset(withheld)


def derivable_cells(
    persons: Mapping[str, int], totals: Sequence[Total], withheld: frozenset[str], *, formers: Sequence[Former] = ()
) -> frozenset[str]:
    """The attack: withheld cells whose number follows from `totals`, what is shown now and what was ever shown before.

    Assumes the strongest reader: one who knows every shown count exactly and which cells did not change since. Leaves
    out what the releases before gave away by themselves: nothing done now takes that back.
    """
    known = known_from(formers)
    now = {cell: cell for cell in withheld - known if cell in persons}
    open_now = known | (persons.keys() - withheld)
    found = _fixed(_relations(totals, now) + _relations_before(totals, formers, open_now))
    given_away = _fixed(_relations_before(totals, formers, known)) if formers else set()
    return frozenset(unknown.rpartition(_OF)[2] for unknown in found - given_away)


def _relations_before(
    totals: Sequence[Total], formers: Sequence[Former], known: frozenset[str]
) -> list[dict[str, int]]:
    """The equations earlier releases left between what they withheld, without the unknowns that are `known`."""
    names = [{c: name for c in former.withheld if (name := former.name(c)) not in known} for former in formers]
    return [relation for each in names for relation in _relations(totals, each)]


def _next_to_withhold(
    persons: Mapping[str, int], totals: Sequence[Total], withheld: set[str], *, minimum: int, formers: Sequence[Former]
) -> str | None:
    """The smallest cell whose withholding helps a cell that is exposed; nothing when none is, or nothing can help."""
    known = known_from(formers)
    exposed = next(_exposed_totals(persons, totals, withheld, minimum, known), None)
    if exposed is not None:
        return _smallest(persons, exposed, withheld | known)
    # A single relation, with nothing before it, has no combination that could give more away than it does itself.
    if len(totals) < 2 and not formers:
        return None
    found = derivable_cells(persons, totals, frozenset(withheld), formers=formers)
    return helper_of(persons, totals, withheld | known, found)


def _exposed_totals(
    persons: Mapping[str, int], totals: Sequence[Total], withheld: set[str], minimum: int, public: frozenset[str]
) -> Iterator[Total]:
    """Relations that by themselves give a withheld cell away, and in which a cell is left to withhold."""
    for total in totals:
        if gives_away(persons, total, withheld, minimum) and _smallest(persons, total, withheld | public):
            yield total


def gives_away(persons: Mapping[str, int], total: Total, withheld: set[str] | frozenset[str], minimum: int) -> bool:
    """The relation by itself: one unknown is solved for; several are safe only if their group could be shown."""
    hidden = [cell for cell in total.cells if cell in withheld]
    if len(hidden) < 2:
        return bool(hidden)
    return total.whole not in hidden and sum(persons.get(cell, 0) for cell in hidden) < minimum


def _smallest(persons: Mapping[str, int], total: Total, excluded: set[str] | frozenset[str]) -> str | None:
    """The cell that costs least to withhold: the part with fewest people, then the whole, then a part of nobody."""
    left = [cell for cell in total.cells if cell not in excluded and cell in persons]
    return min(left, key=lambda cell: (persons[cell] == 0, cell == total.whole, persons[cell], cell), default=None)


def helper_of(
    persons: Mapping[str, int], totals: Sequence[Total], excluded: set[str] | frozenset[str], exposed: Iterable[str]
) -> str | None:
    """The smallest cell that stands in a relation with a cell of `exposed` and is not `excluded`, if any is left."""
    cells = frozenset(exposed)
    related = [total for total in totals if cells & set(total.cells)]
    helpers = (_smallest(persons, total, excluded) for total in related)
    return min((cell for cell in helpers if cell is not None), key=lambda cell: (persons[cell], cell), default=None)


def _relations(totals: Sequence[Total], unknowns: Mapping[str, str]) -> list[dict[str, int]]:
    """Each relation as unknown -> coefficient; shown cells are constants and fall away."""
    return [relation for total in totals if (relation := _relation(total, unknowns))]


def _relation(total: Total, names: Mapping[str, str]) -> dict[str, int]:
    signs = {**dict.fromkeys(total.parts, 1), total.whole: -1}
    return {names[cell]: sign for cell, sign in signs.items() if cell in names}


def _fixed(relations: Sequence[Mapping[str, int]]) -> set[str]:
    """Unknowns that have one possible value only: those on which no solution of the homogeneous system moves."""
    unknowns = sorted({name for relation in relations for name in relation})
    if not unknowns:
        return set()
    matrix = np.array([[relation.get(name, 0) for name in unknowns] for relation in relations], dtype=float)
    _, size, rows = svd(matrix, full_matrices=False)
    spanned = rows[size > size.max() * max(matrix.shape) * np.finfo(float).eps]
    # An unknown is fixed where its own axis lies in the span of the relations: then its projection has length one.
    outside = 1.0 - (spanned**2).sum(axis=0)
    return {name for name, left in zip(unknowns, outside, strict=True) if left < _IS_FIXED_BELOW}
