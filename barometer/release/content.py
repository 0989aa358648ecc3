"""What a release shows: the night's tables, protected, in the order they are published."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from barometer.errors import ReleaseRefused
from barometer.indicators import Indicators, load_indicators
from barometer.night import Night
from barometer.published import Release, fingerprint, former
from barometer.release.alerts import shown_alerts
from barometer.release.before import SUPPRESSED, FormerRelease, Key
from barometer.release.cover import Family
from barometer.release.dominance import dominated_records
from barometer.release.explanations import published_revisions, shown_explanations
from barometer.release.history import earlier_releases, epsilon_spent, with_exact_rows
from barometer.release.private_counts import PrivacySpent, with_noise
from barometer.release.protect import (
    coverage_families,
    estimate_families,
    protect_coverage,
    protect_estimates,
    withheld_estimates,
)
from barometer.release.rumour_effects import rumour_effects
from barometer.release.rumour_places import rumour_places
from barometer.release.rumours import published_rumours
from barometer.release.taken_back import TakenBack, taken_back_since
from barometer.tables import TABLES

# Trust is compared around so many rumours, those most people carry: the more are tested, the less can be told of any.
MOST_RUMOURS_COMPARED = 20
# Rows beside the estimates that speak of one value: its withholding takes them along.
_OF_ONE_SERIES = ("indicator", "geography", "area")
_OF_ONE_VALUE = ("indicator", "geography", "area", "period_start", "period_end")
_COVERAGE_ORDER = ("signal", "geography", "area", "period_start", "group")


@dataclass(frozen=True)
class Guarded:
    """What the gate must know to attack a draft, and nobody may see: the exact families, and what is withheld."""

    estimates: dict[Key, Family]
    coverage: dict[Key, Family]
    withheld: pl.DataFrame


@dataclass(frozen=True)
class Content:
    """Protected tables of one night. Nothing in here but `guarded` may not be published."""

    indicators: Indicators
    estimates: pl.DataFrame
    coverage: pl.DataFrame
    rumours: pl.DataFrame
    rumour_effects: pl.DataFrame
    checks: pl.DataFrame
    audits: pl.DataFrame
    skill: pl.DataFrame
    alerts: pl.DataFrame
    clusters: pl.DataFrame
    sensitivity: pl.DataFrame
    explanations: pl.DataFrame
    revisions: pl.DataFrame
    taken_back: TakenBack | None
    is_synthetic: bool
    inputs_sha256: str
    privacy: PrivacySpent | None
    guarded: Guarded


def collect_content(night: Night) -> Content:
    """Read and protect what `night` left in the lake.

    Raises `ReleaseRefused` when there are no estimates, when a critical rule did not hold, when synthetic and real rows
    are mixed, or when a withheld cell could be worked out.
    """
    estimates, coverage = _rows(night, "estimates"), _rows(night, "coverage")
    checks = _rows(night, "checks")
    indicators = load_indicators(night.settings.configs)
    _refuse_nothing(night, estimates, indicators)
    _refuse_failed_checks(night, checks)
    is_synthetic = _one_kind(night, estimates, coverage)
    inputs = fingerprint(estimates)
    minimum = night.city.thresholds.minimum_n
    before = former(night, inputs_sha256=inputs)
    earlier = earlier_releases(night, inputs_hash=inputs)
    signals = _signals(indicators)
    families = _families(night, estimates, indicators, earlier)
    dominated = dominated_records(_posts(night), coverage, timezone=night.city.timezone)
    covered = coverage_families(coverage, minimum_persons=minimum, earlier=earlier, dominated=dominated)
    noisy, noisy_coverage, spent = with_noise(
        night, estimates, coverage, signals=signals, spent_before=epsilon_spent(night, inputs_hash=inputs)
    )
    shown = protect_estimates(noisy, families, signals=signals, minimum_persons=minimum)
    return Content(
        indicators=indicators,
        estimates=published_form(night, shown),
        coverage=_named(night, protect_coverage(noisy_coverage, covered)).sort(_COVERAGE_ORDER),
        rumours=published_rumours(night, _rows(night, "rumours"), minimum=minimum),
        rumour_effects=_effects(night, shown, indicators, minimum),
        checks=checks,
        audits=_beside(night, "audits", shown),
        skill=_beside(night, "skill", shown),
        alerts=shown_alerts(_beside(night, "alerts", shown), shown=shown, indicators=indicators),
        clusters=_beside(night, "clusters", shown),
        sensitivity=_beside(night, "sensitivity", shown),
        explanations=shown_explanations(
            _named(night, _rows(night, "explanations")), shown=shown, before=before, indicators=indicators
        ),
        revisions=published_revisions(published_form(night, shown), before),
        taken_back=taken_back_since(night, before),
        is_synthetic=is_synthetic,
        inputs_sha256=inputs,
        privacy=spent,
        guarded=Guarded(_noised(families, spent, signals), _noised(covered, spent, {}), withheld_estimates(shown)),
    )


def shown_estimates(
    night: Night, estimates: pl.DataFrame, indicators: Indicators, earlier: Sequence[Release]
) -> pl.DataFrame:
    """Rows of `estimates` of the night, protected as `protect_estimates` does against the releases before."""
    families = _families(night, estimates, indicators, with_exact_rows(night.lake, earlier))
    minimum = night.city.thresholds.minimum_n
    return protect_estimates(estimates, families, signals=_signals(indicators), minimum_persons=minimum)


def _families(
    night: Night, estimates: pl.DataFrame, indicators: Indicators, earlier: Sequence[FormerRelease]
) -> dict[Key, Family]:
    return estimate_families(
        estimates,
        signals=_signals(indicators),
        scales=_scales(indicators),
        minimum_persons=night.city.thresholds.minimum_n,
        earlier=earlier,
    )


def _signals(indicators: Indicators) -> dict[str, str]:
    return {indicator.id: indicator.signal for indicator in indicators.indicators}


def _scales(indicators: Indicators) -> dict[str, tuple[float, float]]:
    scales = {indicator.id: indicator.scale for indicator in indicators.indicators}
    return {name: (s.minimum, s.maximum) for name, s in scales.items() if s.maximum is not None}


def _noised(families: dict[Key, Family], spent: PrivacySpent | None, signals: Mapping[str, str]) -> dict[Key, Family]:
    """The families for the gate, those of posts marked where noise was added: a key starts with indicator or signal."""
    if spent is None:
        return families
    return {
        key: replace(family, is_noised=signals.get(str(key[0]), str(key[0])) == "posts")
        for key, family in families.items()
    }


def _posts(night: Night) -> pl.DataFrame:
    """Who wrote when and where, of all posts the night may have counted."""
    columns = ("author", "created_at", "area", "is_repost")
    return night.lake.read("posts").filter(pl.col("night") <= night.night).select(columns).collect()


def published_form(night: Night, shown: pl.DataFrame) -> pl.DataFrame:
    """Protected estimates in the columns and order they are published in."""
    return _named(night, shown).sort(TABLES["estimates"].key)


def _effects(night: Night, shown: pl.DataFrame, indicators: Indicators, minimum: int) -> pl.DataFrame:
    """Trust before and after each rumour that is shown, from published figures alone."""
    rumours = _rows(night, "rumours").filter(pl.col("voices") >= minimum, pl.col("terms").list.len() > 0)
    # Groups of posts that nobody has put into words would only add rows that nobody can read anything from.
    named = rumours.filter(pl.col("title").is_not_null() | (pl.col("evidence").list.len() > 0))
    compared = named if named.height else rumours
    # Only places that may be named: others could be told from the means.
    places = rumour_places(night, minimum=minimum).group_by("rumour").agg(neighbourhoods=pl.col("area").sort())
    placed = compared.drop("neighbourhoods").join(places, on="rumour")
    most_carried = placed.sort("voices", "rumour", descending=[True, False]).head(MOST_RUMOURS_COMPARED)
    surveyed = [i.id for i in indicators.of_signal("answers") if not i.withheld]
    return rumour_effects(most_carried, shown, night.city.covariates, indicators=surveyed, geography=night.city.primary)


def _rows(night: Night, table: str) -> pl.DataFrame:
    rows = night.lake.read(table).filter(pl.col("night") == night.night).collect()
    return rows.sort(TABLES[table].key)


def _beside(night: Night, table: str, shown: pl.DataFrame) -> pl.DataFrame:
    """Rows of a table beside the estimates, with names of areas; none that speaks of a value that is not shown.

    An alert speaks of the values before as well, so none is shown of a place any of whose values is suppressed.
    """
    rows = _rows(night, table)
    if "area" not in rows.columns:
        return rows.drop("night")
    values = shown.drop_nulls("value").select(_OF_ONE_VALUE)
    spoken = rows.join(values, on=_OF_ONE_VALUE, how="semi", maintain_order="left")
    if table == "alerts":
        suppressed = shown.filter(pl.col("missing_reason") == SUPPRESSED).select(_OF_ONE_SERIES)
        spoken = spoken.join(suppressed, on=_OF_ONE_SERIES, how="anti", maintain_order="left")
    return _named(night, spoken)


def _refuse_nothing(night: Night, estimates: pl.DataFrame, indicators: Indicators) -> None:
    if estimates.is_empty():
        raise ReleaseRefused(f"run {night.run_id}: there are no estimates to release; run the step `estimate` first")
    unknown = set(estimates["indicator"]) - set(indicators.by_id)
    if unknown:
        raise ReleaseRefused(
            f"run {night.run_id}: {', '.join(sorted(unknown))} are not in indicators.yaml; run `estimate` again"
        )


def _refuse_failed_checks(night: Night, checks: pl.DataFrame) -> None:
    failed = checks.filter(~pl.col("is_met") & (pl.col("severity") == "critical"))
    if failed.height:
        raise ReleaseRefused(f"run {night.run_id}: a critical rule did not hold: {failed['message'][0]}")


def _one_kind(night: Night, *tables: pl.DataFrame) -> bool:
    """Synthetic or real, the same for every row and for the city."""
    kinds = {kind for table in tables for kind in table["synthetic"].unique().to_list()}
    if kinds != {night.city.is_synthetic}:
        raise ReleaseRefused(
            f"run {night.run_id}: city {night.city.id} is {_kind(night.city.is_synthetic)} but has rows that are "
            f"{_kind(not night.city.is_synthetic)}; the two never mix: look at the sources in its sources.yaml"
        )
    return night.city.is_synthetic


def _kind(is_synthetic: bool) -> str:
    return "synthetic" if is_synthetic else "real"


def _named(night: Night, rows: pl.DataFrame) -> pl.DataFrame:
    """Without `night`, which the run id says; with the name of the area after its code."""
    names = night.city.areas.select("geography", "area", area_name="name")
    named = rows.drop("night").join(names, on=["geography", "area"], how="left", maintain_order="left")
    columns = [c for c in rows.columns if c != "night"]
    columns.insert(columns.index("area") + 1, "area_name")
    return named.with_columns(pl.col("area_name").fill_null(pl.lit(night.city.name))).select(columns)
