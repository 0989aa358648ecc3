"""`barometer …`: every step by hand, and the whole night in one process. The DAGs call the same functions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import polars as pl
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from barometer.cli_forms import add_form_commands
from barometer.cli_models import add_model_commands
from barometer.cli_publish import add_publish_commands
from barometer.cli_published import add_published_commands
from barometer.cli_serve import add_serve_commands
from barometer.cli_sources import app as sources_app
from barometer.errors import BadConfiguration, BadInput, BarometerError, SourceFailed
from barometer.night import Night, open_night
from barometer.settings import Settings

if TYPE_CHECKING:
    from barometer.city import SourceConfig
    from barometer.ingest.source import Door

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The Social Trust Barometer, step by step.",
)
train_app = typer.Typer(no_args_is_help=True, help="Data sets -> models/.")
app.add_typer(train_app, name="train")
audit_app = typer.Typer(no_args_is_help=True, help="People label a sample of posts, so that shares can be corrected.")
app.add_typer(audit_app, name="audit")
app.add_typer(sources_app, name="sources")
add_model_commands(app, train_app)
add_published_commands(app)
add_publish_commands(app)
add_serve_commands(app)
add_form_commands(app)

console = Console(stderr=True)

CityOption = Annotated[str, typer.Option("--city", help="city id: a folder of configs/cities/")]
NightOption = Annotated[datetime, typer.Option("--night", formats=["%Y-%m-%d"], help="day of the night, YYYY-MM-DD")]

EXIT_PERSON_CAN_MEND = 2


def main() -> None:
    """Run the command line; what a person can mend is printed as one line, without a traceback."""
    try:
        app()
    except BarometerError as error:
        console.print(f"[bold red]barometer:[/] {error}", highlight=False)
        sys.exit(EXIT_PERSON_CAN_MEND)


def _night(city: str, night: datetime) -> Night:
    return open_night(city, night.date())


@app.command()
def cities() -> None:
    """List the cities, and check every city folder; a broken one is refused with all its mistakes."""
    from barometer.city import city_ids, load_city
    from barometer.ingest.live.opening import mistakes_of

    settings = Settings()
    mistakes: list[str] = []
    for city_id in city_ids(settings.configs):
        try:
            city = load_city(city_id, settings.configs)
            _read_what_people_decided(city.folder, settings.decisions / city.id)
            if wrong := [line for source in city.sources for line in mistakes_of(source)]:
                raise BadConfiguration("\n".join([f"city folder {city.id} has {len(wrong)} mistakes:", *wrong]))
        except BarometerError as error:
            mistakes.append(str(error))
            continue
        kind = "synthetic" if city.is_synthetic else "real"
        typer.echo(
            f"{city.id}: {city.name}, {city.neighbourhoods.height} neighbourhoods, {len(city.sources)} sources, {kind}"
        )
    if mistakes:
        raise typer.Exit(_print_mistakes(mistakes))


def _read_what_people_decided(folder: Path, desk: Path) -> None:
    """Check a city's library of evidence and its decisions about rumours."""
    from barometer.classify.rulings import read_rulings
    from barometer.library import read_library

    library = read_library(folder)
    read_rulings(folder, desk, night=date.max, evidence=frozenset(library["id"]))


def _print_mistakes(mistakes: list[str]) -> int:
    for mistake in mistakes:
        console.print(mistake, highlight=False)
    return EXIT_PERSON_CAN_MEND


@app.command()
def tables() -> None:
    """Print every table's columns, types, units and meaning as Markdown (docs/tables.md)."""
    from barometer.tables import to_markdown

    typer.echo(to_markdown(), nl=False)


@app.command()
def ingest(
    city: CityOption, night: NightOption, source: Annotated[str, typer.Option(help="one source id; all if absent")] = ""
) -> None:
    """Read what is new in the city's sources."""
    from barometer.ingest.health import judge_sources

    left_out: list[str] = []
    context = _night(city, night)
    for work in _ingest_steps(context, left_out, only=source):
        work()
    judge_sources(context)
    if left_out:
        raise typer.Exit(EXIT_PERSON_CAN_MEND)


@app.command()
def removals(city: CityOption, night: NightOption) -> None:
    """Delete what upstream took back, with everything derived from it."""
    from barometer.ingest.removals import apply_removals

    _say(apply_removals(_night(city, night)))


@app.command()
def prepare(city: CityOption, night: NightOption) -> None:
    """Language, places and duplicates of the night's posts."""
    _prepare(_night(city, night))


@app.command("classify-night")
def classify_night(city: CityOption, night: NightOption, model: str = "promoted") -> None:
    """Label the night's posts and group rumours."""
    for work in _classify_steps(_night(city, night), model):
        work()


@app.command()
def rumours(
    city: CityOption,
    night: NightOption,
    sheet: Annotated[
        Path | None, typer.Option(help="CSV to write, with a masked post of each rumour, for a person to fill")
    ] = None,
) -> None:
    """The rumours that live on a night: words, state, voices, and claims of the city's library that may answer them."""
    from barometer.classify.evidence import suggest_evidence
    from barometer.classify.review import send_out
    from barometer.classify.sentences import absence, has_sentence_encoder

    context = _night(city, night)
    if not has_sentence_encoder(context.settings.models):
        console.print(f"{absence(context.settings.models)}: claims are matched by words alone", highlight=False)
    if sheet is not None:
        number = send_out(context, sheet)
        typer.echo(f"{sheet}: {number} rumours; fill title, evidence, status or same_as, then `barometer rule {sheet}`")
        return
    tonight = context.lake.read("rumours").filter(pl.col("night") == context.night, pl.col("status") != "faded")
    suggested = suggest_evidence(context)
    for row in tonight.sort("voices", "rumour", descending=[True, False]).collect().iter_rows(named=True):
        words = row["title"] or ", ".join(row["terms"]) or "no shared words"
        typer.echo(f"{row['rumour']}  {row['status']}, {row['voices']} voices: {words}")
        for found in suggested.filter(pl.col("rumour") == row["rumour"]).iter_rows(named=True):
            typer.echo(f"    may be answered by {found['id']} ({found['verdict']}): {found['claim']}")


@app.command()
def rule(
    sheet: Annotated[Path, typer.Argument(help="the filled sheet of `barometer rumours --sheet`")],
    city: CityOption,
    night: NightOption,
) -> None:
    """Keep a person's decisions about rumours: they hold from this night on, and survive every re-run."""
    from barometer.classify.review import take_in

    kept = take_in(_night(city, night), sheet)
    typer.echo(f"{kept} new decisions about rumours are kept; the next night goes by them")


@app.command()
def classify(
    file: Annotated[Path, typer.Argument(help='JSON lines with "id" and "text"; plain, .gz or .zst')],
    output: Annotated[Path, typer.Option("--output", help="Parquet file to write")],
    model: Annotated[str, typer.Option(help="model folder under models/, or the promoted one")] = "promoted",
) -> None:
    """Label posts of a file: id, trust, target, rumour, hostile and every probability."""
    from barometer.classify.file import classify_file

    classify_file(file, output, model=model, models=Settings().models)


@app.command()
def estimate(
    city: CityOption,
    night: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="day of the night; of a what-if, the newest if absent")
    ] = None,
    what_if: Annotated[
        Path | None, typer.Option(help="YAML of changed settings: show who would move, and change nothing")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="of a what-if: every estimate side by side, as CSV")] = None,
) -> None:
    """Every indicator for every neighbourhood, with its error; or what would move if settings were others."""
    from barometer.estimate.run import estimate as step

    if what_if is not None:
        _what_if(city, night, what_if, output)
    elif night is None:
        raise BarometerError("say which night to estimate: --night YYYY-MM-DD")
    else:
        _say(step(_night(city, night)))


def _what_if(city: str, night: datetime | None, file: Path, output: Path | None) -> None:
    from barometer.estimate.tune import newest_night, what_if

    context = _night(city, night) if night else newest_night(_night(city, datetime.now()))
    found = what_if(context, file)
    for line in found.lines():
        typer.echo(line)
    if output:
        found.moves.write_csv(output)
        console.print(f"Every estimate side by side: {output}", highlight=False)


@app.command()
def check(
    city: CityOption,
    night: NightOption,
    boundary: Annotated[str, typer.Option(help="ingest, prepare, classify or estimate")],
) -> None:
    """Evaluate the data rules of one boundary."""
    from barometer.check.run import check as step

    for outcome in step(_night(city, night), boundary):
        typer.echo(outcome.message)


@app.command()
def draft(city: CityOption, night: NightOption) -> None:
    """Write the draft release, for a person to look at."""
    from barometer.ops.records import records_beside
    from barometer.release.draft import draft_release

    context = _night(city, night)
    typer.echo(draft_release(context, beside=records_beside(context)))


@app.command()
def publish(
    city: CityOption,
    night: NightOption,
    approved_by: Annotated[str, typer.Option(help="name of the person who approves")],
) -> None:
    """Publish the night's draft, approved by a person."""
    from barometer.ops.records import records_beside
    from barometer.release.draft import draft_release
    from barometer.release.publish import publish as step

    context = _night(city, night)
    drafted = draft_release(context, beside=records_beside(context))
    released = step(context, drafted, approved_by=approved_by, is_stand_in=False, approved_at=datetime.now(UTC))
    typer.echo(released)


@app.command()
def report(city: CityOption, night: NightOption) -> None:
    """Write the run report of a night and print its path."""
    from barometer.report import run_report

    typer.echo(run_report(_night(city, night)))


@app.command()
def remove(
    city: CityOption,
    night: NightOption,
    kind: Annotated[str, typer.Option(help="post, author or respondent")],
    value: Annotated[str, typer.Option(help="the id or account as the platform or form knows it")],
    reason: str = "operator",
) -> None:
    """Remove one post, author or respondent at once, with every derived row, for good."""
    from barometer.ingest.removals import request_removal
    from barometer.prepare.privacy import city_door

    context = _night(city, night)
    door = city_door(context.city, context.settings)
    request_removal(context, kind=kind, value=value, door=door, reason=reason, at=datetime.now(UTC))
    typer.echo("Removed; the next release is made without it.")


@app.command()
def retain(city: CityOption, night: NightOption) -> None:
    """Apply every removal, expire raw text, search every file of the lake, and write the day's certificate."""
    from barometer.ingest.retention import retain as step

    path = step(_night(city, night))
    typer.echo(path.with_suffix(".md").read_text("utf-8"))
    typer.echo(path)


@app.command()
def maintain(
    city: CityOption,
    raw_days: Annotated[int, typer.Option(help="keep raw posts of so many nights")],
    night: NightOption,
) -> None:
    """Purge raw posts past their retention, merge small files, destroy unreferenced ones."""
    context = _night(city, night)
    oldest = date.fromordinal(context.night.toordinal() - raw_days)
    typer.echo(context.lake.maintain(received_before=oldest))


@app.command("night")
def whole_night(
    city: CityOption,
    night: NightOption,
    approved_by: Annotated[
        str, typer.Option(help="approve and publish in this person's name; else stop at the draft")
    ] = "",
    model: str = "promoted",
) -> None:
    """Run a whole night in this process, without Airflow: the same steps in the same order."""
    from barometer.report import run_report

    context = _night(city, night)
    try:
        released = run_night(context, model=model, approved_by=approved_by)
    finally:
        console.print(f"Run report: {run_report(context)}", highlight=False)
    typer.echo(released)


def run_night(night: Night, *, model: str = "promoted", approved_by: str = "") -> Path:
    """All steps of a night in order; returns the release, or the draft when nobody approves."""
    from barometer.ops.records import records_beside
    from barometer.release.draft import draft_release
    from barometer.release.publish import publish as publish_step

    steps = list(_steps_before_draft(night, model))
    with _progress(len(steps) + 1, f"Night of {night.night}, {night.city.name}") as done:
        for work in steps:
            work()
            done()
        drafted = draft_release(night, beside=records_beside(night))
        done()
    if not approved_by:
        return drafted
    return publish_step(night, drafted, approved_by=approved_by, is_stand_in=False, approved_at=datetime.now(UTC))


def _steps_before_draft(night: Night, model: str) -> Iterator[Callable[[], object]]:
    from barometer.check.run import check as check_step
    from barometer.classify.again import labels_by
    from barometer.estimate.explain.run import explain as explain_step
    from barometer.estimate.run import estimate as estimate_step
    from barometer.ingest.health import judge_sources
    from barometer.ingest.removals import apply_removals

    yield from _ingest_steps(night, [])
    yield lambda: apply_removals(night)
    yield lambda: judge_sources(night)
    yield lambda: check_step(night, "ingest")
    yield lambda: _prepare(night)
    yield lambda: check_step(night, "prepare")
    yield lambda: [work() for work in _classify_steps(night, model)]
    yield lambda: check_step(night, "classify")
    yield lambda: estimate_step(night)
    yield lambda: explain_step(night, reader=partial(labels_by, night))
    yield lambda: check_step(night, "estimate")


def _ingest_steps(night: Night, left_out: list[str], only: str = "") -> list[Callable[[], object]]:
    """One step a source. A source that fails is said and noted in `left_out`; the others are read all the same."""
    from barometer.prepare.privacy import city_door

    wanted = [source for source in night.city.sources if only in ("", source.id)]
    if not wanted:
        raise BarometerError(
            f"city {night.city.id} has no source {only!r}; see configs/cities/{night.city.id}/city.yaml"
        )
    door = city_door(night.city, night.settings)
    return [partial(_ingest_one, night, source, door, left_out) for source in wanted]


def _ingest_one(night: Night, source: SourceConfig, door: Door, left_out: list[str]) -> None:
    from barometer.ingest.run import ingest_source

    try:
        ingest_source(night, source, door)
    except (SourceFailed, BadInput, BadConfiguration) as failed:
        left_out.append(source.id)
        console.print(f"Without {source.id}: {failed}", highlight=False)


def _prepare(night: Night) -> None:
    from barometer.prepare.privacy import city_door
    from barometer.prepare.run import prepare as step

    _say(step(night, city_door(night.city, night.settings)))


def _classify_steps(night: Night, model: str) -> list[Callable[[], object]]:
    from barometer.classify.model import promoted_name
    from barometer.classify.rumours import group_rumours
    from barometer.classify.run import classify_shard, shards

    name = promoted_name(model, night.settings.models)
    labelling = [lambda shard=shard: classify_shard(night, shard, model=name) for shard in shards(night)]
    return [*labelling, lambda: group_rumours(night, model=name)]


def _say(result: object) -> None:
    console.print(result, highlight=False)


@contextmanager
def _progress(total: int, title: str) -> Iterator[Callable[[], None]]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=False) as progress:
        task = progress.add_task(title, total=total)
        yield lambda: progress.advance(task)


@app.command()
def simulate(
    city: Annotated[str, typer.Option("--city", help="a synthetic city")] = "sample",
    through: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="last day to write; all if absent")
    ] = None,
    seed: int = 2026,
) -> None:
    """Write the raw files of a synthetic city whose true trust is known."""
    from barometer.city import load_city
    from barometer.simulate.run import simulate as step

    settings = Settings()
    step(load_city(city, settings.configs), settings, seed=seed, through=through.date() if through else None)


@audit_app.command("export")
def audit_export(
    city: CityOption,
    night: NightOption,
    output: Annotated[Path, typer.Option(help="file to write: .csv, or .json for Label Studio")],
) -> None:
    """Write the posts to label (masked text, no word of the model's) to a file."""
    from barometer.estimate.audit.desk import send_out

    form = "label-studio" if output.suffix == ".json" else "csv"
    count = send_out(_night(city, night), output, form=form)  # type: ignore[arg-type]
    typer.echo(f"{count} posts to label: {output}")


@audit_app.command("import")
def audit_import(
    city: CityOption,
    night: NightOption,
    file: Annotated[Path, typer.Argument(help="the CSV filled in, or Label Studio's JSON export")],
) -> None:
    """Read labels back; the next estimate is corrected by them."""
    from barometer.estimate.audit.desk import take_in
    from barometer.prepare.privacy import city_door

    context = _night(city, night)
    found = take_in(context, file, pseudonym=city_door(context.city, context.settings).pseudonym)
    for problem in found.problems:
        console.print(problem, highlight=False)
    typer.echo(f"{found.labels['post'].n_unique()} posts with labels read, {len(found.problems)} rows not used")
    if found.problems:
        raise typer.Exit(EXIT_PERSON_CAN_MEND)


@audit_app.command("agreement")
def audit_agreement(city: CityOption, night: NightOption) -> None:
    """How far labellers agree (Krippendorff's alpha), by label."""
    from barometer.estimate.audit.desk import agreements

    for head, found in agreements(_night(city, night)).items():
        known = f"{found.alpha:.2f} ({found.lower:.2f} to {found.upper:.2f})"
        typer.echo(f"{head}: {found.reason or known}, {found.n_units} posts labelled twice or more")


@audit_app.command("config")
def audit_config() -> None:
    """Print Label Studio's labelling configuration."""
    from barometer.estimate.audit.files import labelling_config

    typer.echo(labelling_config())


@train_app.command("linear")
def train_linear(
    output: Annotated[Path | None, typer.Option(help="folder of the model; default models/linear")] = None,
    seed: int = 2026,
) -> None:
    """Train the linear model from the labelled posts, with its card and metrics."""
    from barometer.train.linear import train_linear as step

    settings = Settings()
    sample = settings.configs / "cities" / "sample" / "written_posts.jsonl"
    step(data=settings.data, sample=sample, output=output or settings.models / "linear", seed=seed)


if __name__ == "__main__":
    main()
