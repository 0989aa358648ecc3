"""The disclosure policy laid over whole tables: estimates and coverage as they may be shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl

from barometer.errors import ReleaseRefused
from barometer.release.before import (
    COVERAGE_FAMILY,
    ESTIMATES_FAMILY,
    SUPPRESSED,
    FormerRelease,
    Key,
    cell_name,
    coverage_before,
    estimates_before,
)
from barometer.release.coarse import FINEST, coarse, coarse_effective_n, coarse_reliability, step
from barometer.release.cover import Family, cells_to_withhold
from barometer.release.disclosure import MINIMUM_PERSONS, ROUNDING_BASE, Total, derivable_cells, known_from
from barometer.release.dominance import may_be_dominated
from barometer.release.means import Means

# Practitioners and observers speak of an area, not of themselves: three keep any two from working out the third.
MINIMUM_RATERS = 3
SHOWN_DECIMALS = 3
_MINIMUM = {
    "answers": MINIMUM_PERSONS,
    "posts": MINIMUM_PERSONS,
    "combined": MINIMUM_PERSONS,
    "reports": MINIMUM_RATERS,
}
_COVERAGE_MINIMUM = {**_MINIMUM, "observations": MINIMUM_RATERS}
_PERSONS_ROUNDED = ("answers", "posts", "combined")
# How a value can be made without the answers given in its own area: where fewer than the least answered there, a model
# is fitted as if nobody had, so its value tells nothing of them (barometer/estimate/borrow.py).
MODELLED = ("model", "nowcast", "composite")

_NUMBERS = ("value", "standard_error", "lower", "upper", "reliability")
_COUNTS = ("n", "effective_n")
EVERYONE = "all"


def shown_step() -> pl.Expr:
    """The step that a published value is shown in, as far as it is rounded to tell of nobody."""
    return pl.when(pl.col("method").is_in(MODELLED)).then(FINEST).otherwise(step(pl.col("n")).fill_null(FINEST))


def protect_estimates(
    rows: pl.DataFrame,
    families: Mapping[Key, Family],
    *,
    signals: Mapping[str, str],
    minimum_persons: int = MINIMUM_PERSONS,
) -> pl.DataFrame:
    """Estimates as they may be shown: small cells and their helpers withheld, numbers and counts of people rounded.

    `rows`: table `estimates`; `families`: their `estimate_families`; `signals`: indicator -> signal. Withheld cells
    keep no number at all, whatever reason they had; but a small cell whose value a model made without its own answers
    keeps that value, and loses its counts. Raises `ReleaseRefused` when a withheld cell could still be worked out.
    """
    limits = _limits(_MINIMUM, minimum_persons)
    hidden = [(*key, cell) for key, family in families.items() for cell in _checked(family, what=_in_words(key))]
    marked = _mark(rows, hidden, (*ESTIMATES_FAMILY, "area"))
    is_people = pl.col("indicator").replace_strict(signals, return_dtype=pl.String).is_in(_PERSONS_ROUNDED)
    rests_on_others = is_people & pl.col("method").is_in(MODELLED) & (pl.col("n") < limits["answers"])
    return _show(marked, is_people, rests_on_others & pl.col("value").is_not_null())


def _limits(minimum: Mapping[str, int], minimum_persons: int) -> dict[str, int]:
    """A city may ask for more people behind a cell than the policy does, never for fewer."""
    return {s: max(least, minimum_persons) if s in _PERSONS_ROUNDED else least for s, least in minimum.items()}


def estimate_families(
    rows: pl.DataFrame,
    *,
    signals: Mapping[str, str],
    scales: Mapping[str, tuple[float, float]] | None = None,
    minimum_persons: int = MINIMUM_PERSONS,
    earlier: Sequence[FormerRelease] = (),
) -> dict[Key, Family]:
    """(indicator, period_start, period_end) -> its areas and the city, which they add up to in each geography.

    `signals`: indicator -> signal; `scales`: indicator -> ends of its scale, where it has two.
    """
    limits, before = _limits(_MINIMUM, minimum_persons), estimates_before(earlier, rows)
    found = {}
    for key, family in rows.partition_by(ESTIMATES_FAMILY, as_dict=True, maintain_order=True).items():
        signal = signals[str(key[0])]
        if minimum := limits.get(signal):
            found[key] = Family(
                persons=dict(family.select("area", "n").iter_rows()),
                totals=_city_total(family),
                minimum=minimum,
                is_rounded=signal in _PERSONS_ROUNDED,
                dominated=may_be_dominated(family) if signal == "answers" else frozenset(),
                means=_means(family, (scales or {}).get(str(key[0]))) if signal in _PERSONS_ROUNDED else None,
                before=before.get(key, ()),
            )
    return found


def _means(family: pl.DataFrame, scale: tuple[float, float] | None) -> Means | None:
    """Values of a family, means of its people where no model made them; none without a scale to bound them."""
    if scale is None:
        return None
    told = family.drop_nulls("value").select("area", "value", width=pl.col("upper") - pl.col("lower"))
    return Means(
        values=dict(told.select("area", "value").iter_rows()),
        widths=dict(told.drop_nulls("width").select("area", "width").iter_rows()),
        own=frozenset(family.filter(~pl.col("method").is_in(MODELLED))["area"].to_list()),
        lowest=scale[0],
        highest=scale[1],
    )


def withheld_estimates(shown: pl.DataFrame) -> pl.DataFrame:
    """indicator, period_start, period_end, cell, keeps_value of the protected estimates that are withheld."""
    return shown.filter(pl.col("n").is_null()).select(
        *ESTIMATES_FAMILY, cell="area", keeps_value=pl.col("value").is_not_null()
    )


def _in_words(key: Key) -> str:
    return f"{key[0]} from {key[1]}"


def _checked(family: Family, *, what: str) -> frozenset[str]:
    """Withhold, then attack the result as a reader would; a success stops the release."""
    withheld = cells_to_withhold(family)
    known = known_from(family.formers)
    shows_news = {c for total in family.totals for c in total.cells if family.persons.get(c)} - withheld - known
    if not shows_news:
        return withheld
    if found := derivable_cells(family.persons, family.totals, withheld, formers=family.formers):
        raise ReleaseRefused(
            f"{what}: the number of {', '.join(sorted(found))} is withheld but could be worked out from what would be "
            "shown; nothing was released; do not publish this period by hand, and report the fault"
        )
    return withheld


def _city_total(family: pl.DataFrame) -> list[Total]:
    """The whole city is the sum of the areas, in each geography."""
    whole = family.filter(pl.col("area") == pl.col("city"))["area"].to_list()
    parts = family.filter(pl.col("area") != pl.col("city")).group_by("geography", maintain_order=True).agg("area")
    return [Total(city, tuple(areas)) for city in whole for areas in parts["area"].to_list()]


def _mark(rows: pl.DataFrame, hidden: Iterable[tuple[Any, ...]], key: tuple[str, ...]) -> pl.DataFrame:
    """Add `is_withheld`."""
    keys = pl.DataFrame(list(hidden), schema={name: rows.schema[name] for name in key}, orient="row")
    return rows.join(
        keys.with_columns(is_withheld=pl.lit(value=True)), on=key, how="left", maintain_order="left"
    ).with_columns(pl.col("is_withheld").fill_null(value=False))


def _show(rows: pl.DataFrame, is_people: pl.Expr, rests_on_others: pl.Expr) -> pl.DataFrame:
    """Empty the withheld cells, of those that rest on others only the counts; round the others."""
    is_emptied = pl.col("is_withheld") & ~rests_on_others
    is_of_them = is_people & ~pl.col("method").is_in(MODELLED)
    shown = rows.with_columns(
        *(
            pl.when(is_of_them).then(each).otherwise(pl.col(each.meta.output_name()).round(SHOWN_DECIMALS))
            for each in coarse(_rounded(pl.col("n")))
        ),
        reliability=pl.when(is_people)
        .then(coarse_reliability())
        .otherwise(pl.col("reliability").round(SHOWN_DECIMALS)),
        n=pl.when(is_people).then(_rounded(pl.col("n"))).otherwise(pl.col("n")),
        effective_n=pl.when(is_people)
        .then(coarse_effective_n(ROUNDING_BASE))
        .otherwise(pl.col("effective_n").round(1)),
        is_emptied=is_emptied,
    )
    return shown.with_columns(
        *(pl.when("is_emptied").then(None).otherwise(name).alias(name) for name in _NUMBERS),
        *(pl.when("is_withheld").then(None).otherwise(name).alias(name) for name in _COUNTS),
        missing_reason=pl.when("is_emptied").then(pl.lit(SUPPRESSED)).otherwise("missing_reason"),
    ).drop("is_withheld", "is_emptied")


def _rounded(count: pl.Expr) -> pl.Expr:
    """To the nearest multiple of the rounding base, as `disclosure.rounded` does for one number."""
    return (count + ROUNDING_BASE // 2) // ROUNDING_BASE * ROUNDING_BASE


def protect_coverage(rows: pl.DataFrame, families: Mapping[Key, Family]) -> pl.DataFrame:
    """Coverage as it may be shown, with a `missing_reason` column; `families`: its `coverage_families`.

    Rows add up over areas to the city, and over the categories of a margin to everyone: both are guarded. Records and
    rates are withheld with the voices they belong to, and worked out again from rounded voices.
    """
    hidden = [(*k, c) for k, family in families.items() for c in _checked(family, what=f"coverage of {_in_words(k)}")]
    named = rows.with_columns(cell=cell_name())
    return _show_coverage(_mark(named, hidden, (*COVERAGE_FAMILY, "cell")).drop("cell"))


def coverage_families(
    rows: pl.DataFrame,
    *,
    minimum_persons: int = MINIMUM_PERSONS,
    earlier: Sequence[FormerRelease] = (),
    dominated: pl.DataFrame | None = None,
) -> dict[Key, Family]:
    """(signal, period_start, period_end) -> its cells, which add up over areas and over the categories of margins.

    `dominated`: see `dominance.dominated_records`.
    """
    loud = _by_family(dominated)
    limits, before = _limits(_COVERAGE_MINIMUM, minimum_persons), coverage_before(earlier, rows)
    found = {}
    for key, family in rows.partition_by(COVERAGE_FAMILY, as_dict=True, maintain_order=True).items():
        if minimum := limits.get(str(key[0])):
            named = family.with_columns(cell=cell_name())
            found[key] = Family(
                persons=dict(named.select("cell", "voices").iter_rows()),
                totals=_coverage_totals(named),
                minimum=minimum,
                is_rounded=key[0] in _PERSONS_ROUNDED,
                dominated=loud.get(key, frozenset()),
                before=before.get(key, ()),
            )
    return found


def _by_family(dominated: pl.DataFrame | None) -> dict[Key, frozenset[str]]:
    if dominated is None or dominated.is_empty():
        return {}
    named = dominated.with_columns(group=pl.lit(EVERYONE)).with_columns(cell=cell_name())
    parts = named.partition_by(COVERAGE_FAMILY, as_dict=True)
    return {key: frozenset(rows["cell"].to_list()) for key, rows in parts.items()}


def _coverage_totals(named: pl.DataFrame) -> list[Total]:
    cells = {(row["geography"], row["area"], row["group"]): row["cell"] for row in named.iter_rows(named=True)}
    is_whole = pl.col("area") == pl.col("city")
    over_areas = named.filter(~is_whole).group_by("geography", "group", maintain_order=True).agg("cell")
    city = {group: cell for (_, area, group), cell in cells.items() if area == named["city"][0]}
    totals = [Total(city[g], tuple(parts)) for _, g, parts in over_areas.iter_rows() if g in city]
    margins = named.filter(pl.col("group") != EVERYONE).with_columns(margin=pl.col("group").str.split("=").list.first())
    over_groups = margins.group_by("geography", "area", "margin", maintain_order=True).agg("cell")
    return totals + [
        Total(cells[g, area, EVERYONE], tuple(parts))
        for g, area, _, parts in over_groups.iter_rows()
        if (g, area, EVERYONE) in cells
    ]


def _show_coverage(rows: pl.DataFrame) -> pl.DataFrame:
    is_people = pl.col("signal").is_in(_PERSONS_ROUNDED)
    counts = ("records", "voices")
    shown = rows.with_columns(
        *(pl.when(is_people).then(_rounded(pl.col(name))).otherwise(pl.col(name)).alias(name) for name in counts)
    ).with_columns(*(pl.when("is_withheld").then(None).otherwise(name).alias(name) for name in counts))
    return shown.with_columns(
        voices_per_1000=(1000 * pl.col("voices") / pl.col("population")).round(SHOWN_DECIMALS),
        missing_reason=pl.when("is_withheld").then(pl.lit(SUPPRESSED)).otherwise(None),
    ).drop("is_withheld")
