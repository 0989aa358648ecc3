"""Which further cells to withhold so that no small one can be bounded narrowly, losing as little as possible.

Small cells first, then covers by algebra (`disclosure`), then covers while the attack (`attack`) still bounds a small
cell within its protection interval, and at last every cover that turned out not to be needed is shown again: the
clean-up of Kelly, Golden and Assad (1992), "Cell suppression: disclosure protection for sensitive tabular data".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from barometer.release.attack import Equation, Puzzle, Range, pinned
from barometer.release.disclosure import (
    ROUNDING_BASE,
    Former,
    Total,
    derivable_cells,
    gives_away,
    helper_of,
    is_small,
    known_from,
    rounded,
    withheld_cells,
)
from barometer.release.means import Means, pinned_means


@dataclass(frozen=True)
class Before:
    """One earlier release of a family: exact persons of its cells, the counts it showed, and which rows are today's."""

    former: Former
    persons: Mapping[str, int]
    shown: Mapping[str, int]


@dataclass(frozen=True)
class Family:
    """Cells that add up among each other: `persons` exact, `dominated` those one voice makes up most of.

    `means`: their values, where they are means of those people. `minimum`: fewest people a shown cell has.
    `is_rounded`: whether counts are shown rounded, as those of people are. `is_noised`: and with noise before that.
    """

    persons: Mapping[str, int]
    totals: Sequence[Total]
    minimum: int
    is_rounded: bool = True
    is_noised: bool = False
    dominated: frozenset[str] = frozenset()
    means: Means | None = None
    before: Sequence[Before] = field(default_factory=tuple)

    @property
    def formers(self) -> list[Former]:
        """The earlier releases as algebra needs them."""
        return [before.former for before in self.before]

    @property
    def sensitive(self) -> frozenset[str]:
        """Cells that must not be shown, whatever the others are."""
        return frozenset(c for c, n in self.persons.items() if is_small(n, minimum=self.minimum)) | self.dominated


def protection_width(minimum: int) -> int:
    """How wide the feasible range of a small cell must be at least: as wide as 0 to `minimum` - 1.

    That a withheld cell may have fewer than `minimum` people is public; a reader who cannot tell more learned nothing
    (the safety range of a threshold rule; Hundepool et al. 2012, section 4.2.2).
    """
    return minimum - 1


def cells_to_withhold(family: Family) -> frozenset[str]:
    """The sensitive cells and as few others as it takes; the same family always gives the same cells.

    Where nothing is left that could help, the result may still be open to attack: ask `exposed_cells`.
    """
    if (as_before := _shown_before_as_it_is(family)) is not None:
        return as_before
    withheld = withheld_cells(
        family.persons, family.totals, minimum=family.minimum, formers=family.formers, sensitive=family.dominated
    )
    if len(family.totals) < 2 and not family.before and not exposed_means(family, family.persons.keys() - withheld):
        # One equation: two unknowns of `minimum` people together are free between 0 and those, and no cheaper cover is.
        return withheld
    while found := exposed_cells(family, withheld) | exposed_means(family, family.persons.keys() - withheld):
        excluded = withheld | known_from(family.formers)
        helper = helper_of(family.persons, family.totals, excluded, found)
        if helper is None:
            return withheld
        withheld |= {helper}
    return _cleaned(family, withheld)


def _shown_before_as_it_is(family: Family) -> frozenset[str] | None:
    """What an earlier release withheld of the very same rows, if that is enough today: to repeat it tells nothing."""
    same = [
        before.former.withheld
        for before in family.before
        if before.former.unchanged == family.persons.keys() == before.persons.keys()
    ]
    return next((withheld for withheld in reversed(same) if family.sensitive <= withheld), None)


def exposed_cells(family: Family, withheld: frozenset[str]) -> dict[str, Range]:
    """Small cells of today or of an earlier release that the attack bounds within the protection interval, and the
    bounds: what earlier releases gave away by themselves is left out, as nothing done now takes that back.
    """
    shown = {c: rounded(n) if family.is_rounded else n for c, n in family.persons.items() if c not in withheld}
    return attacked(family, shown)


def exposed_means(family: Family, shown: Collection[str]) -> dict[str, Range]:
    """Sensitive cells whose mean follows too nearly from those of the `shown` cells, and between what it must lie."""
    if family.means is None:
        return {}
    return pinned_means(family.persons, family.totals, family.means, sensitive=family.sensitive, shown=shown)


def attacked(family: Family, shown: Mapping[str, int]) -> dict[str, Range]:
    """The attack on `shown`, cell -> published count of today: small cells it bounds too narrowly, and the bounds."""
    widths = _widths(family)
    if family.is_noised:
        # The cells were chosen against a reader of the counts without noise, who knows more; with it, none may fit.
        return {}
    if not widths or not set(family.persons) - set(shown) | set(_kept_before(family)):
        return {}
    found = pinned(_puzzle(family, shown), widths)
    # What a reader knows already who is shown nothing today, and only which rows did not change, no cover takes back.
    again = {name: widths[name] for name in found} if family.before else {}
    given_away = pinned(_puzzle(family, {}), again) if again else {}
    return {_cell_of(family, name): bounds for name, bounds in found.items() if name not in given_away}


def _widths(family: Family) -> dict[str, int]:
    width = protection_width(family.minimum)
    return dict.fromkeys([*family.sensitive - known_from(family.formers), *_kept_before(family)], width)


def _kept_before(family: Family) -> list[str]:
    """Unknowns that an earlier release withheld because they were small, and none ever showed."""
    known = known_from(family.formers)
    return [
        name
        for before in family.before
        for cell in sorted(before.former.withheld)
        if is_small(before.persons.get(cell, 0), minimum=family.minimum)
        and (name := before.former.name(cell)) not in known
    ]


def _cell_of(family: Family, name: str) -> str:
    if name in family.persons:
        return name
    named = ((before.former.name(cell), cell) for before in family.before for cell in before.persons)
    return next(f"{cell} (as it was in an earlier release)" for unknown, cell in named if unknown == name)


def _puzzle(family: Family, shown: Mapping[str, int]) -> Puzzle:
    """What the reader has of all releases, today's included."""
    sights: list[tuple[Mapping[str, int], Mapping[str, int], Callable[[str], str]]] = [
        (before.persons, before.shown, before.former.name) for before in family.before
    ]
    sights.append((family.persons, shown, lambda cell: cell))
    slack = ROUNDING_BASE // 2 if family.is_rounded else 0
    ranges: dict[str, Range] = {}
    fitting: dict[str, float] = {}
    equations: dict[tuple[tuple[tuple[str, int], ...], int], Equation] = {}
    for persons, counts, name in sights:
        for cell in persons:
            low, high = ranges.get(name(cell), (0.0, float("inf")))
            # A count further from the truth than rounding takes it was shown with noise: it bounds nothing.
            if (count := counts.get(cell)) is not None and abs(count - persons[cell]) <= slack:
                low, high = max(low, count - slack), min(high, count + slack)
            ranges[name(cell)] = (low, high)
            fitting[name(cell)] = float(persons[cell])
        for total in family.totals:
            if equation := _equation(total, persons, name):
                equations[tuple(sorted(equation.terms.items())), equation.constant] = equation
    return Puzzle(ranges, tuple(equations.values()), fitting)


def _equation(total: Total, persons: Mapping[str, int], name: Callable[[str], str]) -> Equation | None:
    """The parts less the whole. Where they do not add up (people of no area), a reader is taken to know by how much."""
    if any(cell not in persons for cell in total.cells):
        return None
    signs = {**dict.fromkeys(total.parts, 1), total.whole: -1}
    constant = sum(sign * persons[cell] for cell, sign in signs.items())
    return Equation({name(cell): sign for cell, sign in signs.items()}, constant)


def _cleaned(family: Family, withheld: frozenset[str]) -> frozenset[str]:
    """Show again, largest first, each cover without which everything stays protected."""
    covers = withheld - family.sensitive
    for cell in sorted(covers, key=lambda each: (-family.persons[each], each)):
        without = withheld - {cell}
        if _is_safe(family, without, cell):
            withheld = without
    return withheld


def _is_safe(family: Family, withheld: frozenset[str], shown: str) -> bool:
    """Whether no withheld cell is open to attack once `shown` is shown; the cheap questions first."""
    if any(gives_away(family.persons, total, withheld, family.minimum) for total in _with(family.totals, shown)):
        return False
    found = derivable_cells(family.persons, family.totals, withheld, formers=family.formers)
    return not (found or exposed_cells(family, withheld) or exposed_means(family, family.persons.keys() - withheld))


def _with(totals: Sequence[Total], cell: str) -> Iterator[Total]:
    return (total for total in totals if cell in total.cells)
