"""`barometer as-of`, `barometer explain`: what was published, and why it differs from what was published before."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console

from barometer.errors import BarometerError
from barometer.night import Night, open_night
from barometer.published import Release

console = Console(stderr=True)
CityOption = Annotated[str, typer.Option("--city", help="city id: a folder of configs/cities/")]
NightOption = Annotated[datetime, typer.Option("--night", formats=["%Y-%m-%d"], help="day of the night, YYYY-MM-DD")]
SENTENCES = 5
_CHANGE = ["indicator", "geography", "area", "period_start", "period_end"]


def add_published_commands(app: typer.Typer) -> None:
    """Hang the commands of this module into the command line."""
    app.command("as-of")(as_of)
    app.command("explain")(explain)


def as_of(
    day: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="the day, YYYY-MM-DD")],
    city: CityOption,
    output: Annotated[Path | None, typer.Option(help="file for estimates.csv; standard output if absent")] = None,
    revised: Annotated[
        Path | None, typer.Option("--revisions", help="CSV of every number that later releases changed")
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="make them again from the lake, and compare")] = False,
) -> None:
    """The estimates exactly as they were published and in force at the end of a day."""
    from barometer.published import in_force, later_revisions, published_bytes, releases_of

    night = open_night(city, day.date())
    releases = releases_of(night.settings.releases / night.city.id)
    release = in_force(releases, night.horizon)
    content = published_bytes(release)
    _say(f"Release {release.name}, approved by {_approver(release)} at {release.approved_at.isoformat()}.")
    _say(f"estimates.csv is what was published (SHA-256 {release.manifest['files']['estimates.csv']['sha256']}).")
    found = later_revisions(releases, release)
    _say(_told_revisions(found))
    if revised:
        found.write_csv(revised)
    if output:
        output.write_bytes(content)
    else:
        typer.echo(content, nl=False)
    if rebuild:
        _say(_rebuilt(night, release, content))


def _approver(release: Release) -> str:
    stand_in = " (stand-in, not a person)" if release.manifest["approval"].get("is_stand_in") else ""
    return f"{release.approved_by}{stand_in}"


def _told_revisions(found: pl.DataFrame) -> str:
    """How many of the numbers each later release changed."""
    counts = found.group_by("release", maintain_order=True).agg(
        changed=(pl.col("value").is_not_null() & pl.col("former_value").is_not_null()).sum(),
        gained=pl.col("former_value").is_null().sum(),
        lost=pl.col("value").is_null().sum(),
    )
    lines = [
        f"{release} changed {changed:,} of its numbers, gave {gained:,} for the first time and no longer gives {lost:,}"
        for release, changed, gained, lost in counts.iter_rows()
    ]
    return "; ".join(lines) + "." if lines else "No later release changed any of its numbers."


def _rebuilt(night: Night, release: Release, content: bytes) -> str:
    """Whether the same numbers come out when everything is worked out again."""
    from barometer.estimate.explain.rebuild import rebuild
    from barometer.release.rebuild import rebuilt_csv

    made = rebuild(night, release)
    again = rebuilt_csv(made.night, release, made.rows, made.settings.indicators)
    if again == content:
        return "Rebuilt from the lake as it was: identical, byte for byte."
    differing = len(set(again.splitlines()) ^ set(content.splitlines())) // 2
    raise BarometerError(
        f"rebuilt from the lake as it was, about {differing:,} rows of {release.name} come out otherwise: rows were "
        "removed since, or the software is another; what was published stands"
    )


def explain(
    city: CityOption,
    night: NightOption,
    most: Annotated[int, typer.Option(help="sentences an indicator, largest changes first; 0: all")] = SENTENCES,
) -> None:
    """Why numbers differ from those of the release before, in sentences."""
    from barometer.classify.again import labels_by
    from barometer.estimate.explain.run import explain as step
    from barometer.indicators import load_indicators

    context = open_night(city, night.date())
    step(context, reader=partial(labels_by, context))
    rows = context.lake.read("explanations").filter(pl.col("night") == context.night).collect()
    if rows.is_empty():
        typer.echo("Nothing to explain: no number differs from an earlier release, or there is none.")
        return
    _say(f"Compared with release {rows['since'][0]}.")
    changes = rows.unique(_CHANGE).sort(pl.col("change").abs(), *_CHANGE, descending=[True, *[False] * len(_CHANGE)])
    for indicator in load_indicators(context.settings.configs).indicators:
        own = changes.filter(pl.col("indicator") == indicator.id)
        if own.height:
            _print_changes(indicator.title, own, most or own.height)


def _print_changes(title: str, changes: pl.DataFrame, most: int) -> None:
    within = changes["is_within_noise"].sum()
    typer.echo(f"\n{title}: {changes.height:,} changes, {within:,} of them within noise")
    for row in changes.head(most).iter_rows(named=True):
        typer.echo(f"  {row['period_start']} to {row['period_end']}: {row['words']}")


def _say(text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)
