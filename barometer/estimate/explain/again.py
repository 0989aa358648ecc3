"""Estimating again: every part of a night's numbers under any mix of former and present factors, each at most once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from barometer.estimate.cells import CELL_KEY, complete
from barometer.estimate.compose import composite_values
from barometer.estimate.explain.shapley import Coalition
from barometer.estimate.explain.sides import CONFIGURATION, NEW, SIGNAL_TABLES, Sides
from barometer.estimate.run import SIGNALS, Context, Surveyed, nowcasts_part, posts_part, survey_part
from barometer.indicators import Indicator

NOWCASTS, COMPOSITES = "nowcasts", "composites"
PARTS = (*SIGNAL_TABLES, NOWCASTS, COMPOSITES)
_OTHERS = ("posts", *SIGNALS)
_VALUES = [*CELL_KEY, "value"]
# As `cells.complete` rounds: sums may differ in their last bits.
_SIGNIFICANT_DIGITS = 12


def part_of(indicator: Indicator) -> str:
    """The part of the numbers an indicator is worked out in."""
    if indicator.signal != "combined":
        return indicator.signal
    return COMPOSITES if indicator.measure.kind == "composite" else NOWCASTS


@dataclass(frozen=True)
class Again:
    """Estimates of any coalition. A part is made again only for the factors that changed for it."""

    sides: Sides
    surveys: dict[Coalition, Surveyed] = field(default_factory=dict)
    cells: dict[tuple[str, Coalition], pl.DataFrame] = field(default_factory=dict)

    @cached_property
    def changed(self) -> dict[str, Coalition]:
        """Part -> the factors that changed for it."""
        own = {signal: self.sides.changed(signal) for signal in SIGNAL_TABLES}
        combined = self._combined_changed()
        of_time = {NEW} if self.sides.night.night != self.sides.cutoff else set()
        return own | {
            NOWCASTS: frozenset().union(*own.values(), combined, of_time),
            COMPOSITES: own["answers"] | combined,
        }

    def _combined_changed(self) -> Coalition:
        then = self.sides.then or self.sides.now
        differs = then.indicators.of_signal("combined") != self.sides.now.indicators.of_signal("combined")
        return frozenset({CONFIGURATION} if differs else ())

    def has_lost(self, part: str) -> bool:
        """Something that this part rests on may have been removed."""
        rests_on = {NOWCASTS: set(SIGNAL_TABLES), COMPOSITES: {"answers"}}.get(part, {part})
        return bool(self.sides.removed & rests_on)

    def values(self, part: str, coalition: Coalition) -> pl.DataFrame:
        """CELL_KEY and value of one part, with the factors of `coalition` as they are now."""
        made = {NOWCASTS: self._nowcasts, COMPOSITES: self._composites}.get(part)
        context = self.sides.context(coalition)
        rows = made(context, coalition) if made else self._signal(part, coalition)
        is_withheld = pl.col("indicator").is_in(context.indicators.withheld)
        value = pl.when(~is_withheld).then(pl.col("value").round_sig_figs(_SIGNIFICANT_DIGITS))
        return rows.select(*CELL_KEY, value.alias("value"))

    def _signal(self, signal: str, coalition: Coalition) -> pl.DataFrame:
        """Completed cells of one signal."""
        own = coalition & self.changed[signal]
        if signal == "answers":
            return self._survey(own).rows
        if (signal, own) not in self.cells:
            work: Callable[[Context], pl.DataFrame]
            work = (lambda c: posts_part(c)[0]) if signal == "posts" else (lambda c: SIGNALS[signal](c)[0])
            self.cells[signal, own] = work(self.sides.context(own))
        return self.cells[signal, own]

    def _survey(self, coalition: Coalition) -> Surveyed:
        own = coalition & self.changed["answers"]
        if own not in self.surveys:
            self.surveys[own] = survey_part(self.sides.context(own))
        return self.surveys[own]

    def _nowcasts(self, context: Context, coalition: Coalition) -> pl.DataFrame:
        others = pl.concat([self._signal(signal, coalition) for signal in _OTHERS])
        made = nowcasts_part(context, self._survey(coalition), others)
        return complete(made.cells, context.night.city)

    def _composites(self, context: Context, coalition: Coalition) -> pl.DataFrame:
        rows = self._survey(coalition).rows
        return composite_values(rows, city=context.night.city, indicators=context.indicators)
