"""`barometer train …`, `barometer evaluate`, `barometer models …`: the language models by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from barometer.errors import BarometerError
from barometer.settings import Settings

models_app = typer.Typer(no_args_is_help=True, help="Models: which one the nights use.")
console = Console(stderr=True)

_SAMPLE = ("cities", "sample", "written_posts.jsonl")


def add_model_commands(app: typer.Typer, train_app: typer.Typer) -> None:
    """Hang the commands of this module into the command line."""
    train_app.command("encoder")(train_encoder)
    train_app.command("folds")(train_folds)
    train_app.command("cascade")(train_cascade)
    train_app.command("sentences")(train_sentences)
    app.command("evaluate")(evaluate)
    app.add_typer(models_app, name="models")


def _sample(settings: Settings) -> Path:
    return settings.configs.joinpath(*_SAMPLE)


@contextmanager
def _needing_torch() -> Iterator[None]:
    """Imports of what only training has: where it is missing, what to do stands in one line."""
    try:
        yield
    except ImportError as error:
        what = f"training needs torch and more ({error}): run `make training`, then set PYTHONPATH=.venv/torch"
        raise BarometerError(what) from error


def train_encoder(
    *,
    base: Annotated[str, typer.Option(help="base model: a folder, or minilm-l6 when its package is installed")],
    teacher: Annotated[str, typer.Option(help="larger base whose labels it also learns from; none if empty")] = "",
    output: Annotated[Path | None, typer.Option(help="folder of the model; default models/encoder")] = None,
    work: Annotated[Path | None, typer.Option(help="checkpoints; a killed run goes on from there")] = None,
    start: Annotated[Path | None, typer.Option(help="checkpoint of an earlier run to go on from")] = None,
    auxiliary_posts: Annotated[int, typer.Option(help="posts of auxiliary tasks in a broad epoch")] = 0,
    taught_posts: Annotated[int, typer.Option(help="posts only a teacher has labelled in a broad epoch")] = 10_000,
    mention_posts: Annotated[int, typer.Option(help="written mentions of groups in an epoch")] = 800,
    learning_rate: float = 8e-5,
    head_rate: float = 1e-3,
    broad_epochs: int = 5,
    main_epochs: int = 2,
    seed: int = 31,
) -> None:
    """Train the encoder from the labelled posts, with its card and metrics. Needs the extra `train`."""
    with _needing_torch():
        from barometer.train.encoder.recipe import Recipe
        from barometer.train.encoder.run import Order
        from barometer.train.encoder.run import train_encoder as step

    settings = Settings()
    recipe = Recipe(
        broad_epochs=broad_epochs,
        main_epochs=main_epochs,
        auxiliary_posts=auxiliary_posts,
        taught_posts=taught_posts,
        mention_posts=mention_posts,
        learning_rate=learning_rate,
        head_rate=head_rate,
    )
    place = work or settings.home / "training"
    step(
        data=settings.data,
        sample=_sample(settings),
        output=output or settings.models / "encoder",
        order=Order(base=base, teacher=teacher or None, recipe=recipe, seed=seed, work=place, start=start),
        say=lambda line: console.print(line, highlight=False),
    )


def train_folds(
    *,
    base: Annotated[str, typer.Option(help="a folder, or minilm-l6 when its package is installed")] = "minilm-l6",
    model: Annotated[str, typer.Option(help="model folder under models/ whose card tells the figures")] = "encoder",
    work: Annotated[Path | None, typer.Option(help="checkpoints; a killed run goes on from there")] = None,
    seed: int = 31,
) -> None:
    """Cross-validate the encoder's recipe, without its teacher, and write the figures into its card."""
    with _needing_torch():
        from barometer.train.encoder.folds import cross_validate, folds_recipe, write_folds
        from barometer.train.encoder.run import Order
    from barometer.train.encoder.card import write_card as step

    settings = Settings()
    figures = cross_validate(
        data=settings.data,
        sample=_sample(settings),
        order=Order(base=base, teacher=None, recipe=folds_recipe(), seed=seed, work=work or settings.home / "folds"),
        say=lambda line: console.print(line, highlight=False),
    )
    write_folds(settings.models / model, figures)
    step(settings.models / model)


def train_cascade() -> None:
    """Put the linear model before the encoder as `models/cascade`, its threshold chosen on the dev posts."""
    from barometer.train.encoder.screen import make_cascade

    settings = Settings()
    chosen = make_cascade(settings.models, data=settings.data, sample=_sample(settings))
    typer.echo(f"the screen answers {chosen['share_screened']:.0%} of posts; points lost: {chosen['points_lost']}")


def train_sentences(
    *,
    base: Annotated[str, typer.Option(help="a folder, or minilm-l6 when its package is installed")] = "minilm-l6",
    output: Annotated[Path | None, typer.Option(help="folder of the encoder; default models/sentences")] = None,
) -> None:
    """Export a published sentence encoder as it is, in int8, with its card and figures. Needs the extra `train`."""
    with _needing_torch():
        from barometer.train.sentences import write_sentences

    settings = Settings()
    folder = output or settings.models / "sentences"
    figures = write_sentences(base, folder, sample=_sample(settings))
    typer.echo(f"{folder}: {figures['bytes']:,} bytes; cosine to 32 bits {figures['cosine']}")


def evaluate(
    model: Annotated[str, typer.Option(help="model folder under models/")],
    write: Annotated[bool, typer.Option(help="store the figures in place of those stored")] = False,
) -> None:
    """Measure every figure of a model's card again from its stored files, and compare with those stored."""
    from barometer.classify.model import load_model
    from barometer.train.encoder.evaluate import differences, stored_figures, write_figures
    from barometer.train.encoder.evaluate import evaluate as step

    settings = Settings()
    again = step(load_model(model, settings.models), data=settings.data, sample=_sample(settings))
    folder = settings.models / model
    if write:
        write_figures(folder, again)
        return
    moved = differences(stored_figures(folder), again)
    for line in moved:
        typer.echo(line)
    if moved:
        raise BarometerError(f"model {model}: {len(moved)} figures are not those of its card")
    typer.echo(f"model {model}: every figure that follows from its files is as stored")


@models_app.command("card")
def write_card(model: Annotated[str, typer.Argument(help="model folder under models/")]) -> None:
    """Write an encoder's card again from its stored figures, the linear model's beside them."""
    from barometer.train.encoder.card import write_card as step

    step(Settings().models / model)


@models_app.command()
def promote(model: Annotated[str, typer.Argument(help="model folder under models/")]) -> None:
    """Put a model in use for the nights (`--model promoted`); refuses with the reasons when it misses a gate."""
    from barometer.train.encoder.gates import promote as step

    unfit = step(model, Settings().models)
    note = f"; not fit for publication: {', '.join(unfit)}" if unfit else ""
    typer.echo(f"model {model} is in use{note}")


@models_app.command()
def atrs(
    city: Annotated[str, typer.Option("--city", help="city id: a folder of configs/cities/")],
    model: Annotated[str, typer.Option(help="model folder under models/, or the promoted one")] = "promoted",
    output: Annotated[Path | None, typer.Option(help="file to write: .md or .json; printed if absent")] = None,
) -> None:
    """Write the record of the UK's Algorithmic Transparency Recording Standard (v4) from card and configuration."""
    from barometer.city import load_city
    from barometer.classify.model import promoted_name
    from barometer.train.atrs import atrs_record, to_json, to_markdown

    settings = Settings()
    loaded = load_city(city, settings.configs)
    record = atrs_record(loaded, promoted_name(model, settings.models), settings)
    text = (to_json if output and output.suffix == ".json" else to_markdown)(loaded, record)
    if output is None:
        typer.echo(text)
        return
    output.write_text(text, "utf-8")
    silent = sum(not entry.is_stated for entry in record)
    typer.echo(f"{output}: {len(record)} fields, {silent} of them still to be stated by the city")
