"""`barometer forms …`: survey forms (XLSForm), their codebooks, and whether the two agree."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from barometer.errors import BarometerError
from barometer.settings import Settings

forms_app = typer.Typer(no_args_is_help=True, help="Survey forms (XLSForm) and their codebooks.")
console = Console(stderr=True)

FormFile = Annotated[Path, typer.Argument(help="the form: .xlsx or .xls")]


def add_form_commands(app: typer.Typer) -> None:
    """Hang the commands of this module into the command line."""
    app.add_typer(forms_app, name="forms")


@forms_app.command()
def build(
    output: Annotated[Path | None, typer.Option(help="folder to write to; default configs/forms")] = None,
    city: Annotated[
        str, typer.Option(help="city whose neighbourhoods.csv is written beside the forms; none if empty")
    ] = "",
    language: Annotated[
        list[str] | None, typer.Option(help="further language, as 'Polski (pl)': empty columns")
    ] = None,
) -> None:
    """Write the project's own forms as spreadsheets, and check that they convert."""
    from barometer.city import load_city
    from barometer.ingest.tables.xlsform_build import build_form, read_source, write_neighbourhoods

    settings = Settings()
    forms = settings.configs / "forms"
    folder = output or forms
    for source in sorted(forms.glob("*.yaml")):
        target = folder / f"{source.stem}.xlsx"
        form = build_form(read_source(source), target, languages=language or ())
        typer.echo(f"{target}: {len(form.questions)} questions")
    if city:
        typer.echo(write_neighbourhoods(load_city(city, settings.configs), folder))


@forms_app.command()
def codebook(
    form: FormFile,
    output: Annotated[Path | None, typer.Option(help="file to write; printed if absent")] = None,
    source: Annotated[str, typer.Option(help="who made the survey, and its licence")] = "Own questionnaire.",
) -> None:
    """Make the codebook from the form."""
    from barometer.ingest.tables.xlsform import codebook_of, read_form, to_yaml

    text = to_yaml(codebook_of(read_form(form), source=source))
    if output is None:
        typer.echo(text, nl=False)
        return
    output.write_text(text, "utf-8")
    typer.echo(f"{output}: look it through before a source uses it")


@forms_app.command()
def check(
    form: FormFile,
    codebook: Annotated[str, typer.Option(help="name of the codebook, or its file; default: the form's own name")] = "",
    city: Annotated[str, typer.Option(help="city whose codebooks/ comes first; default: the shared ones alone")] = "",
    reports: Annotated[bool, typer.Option("--reports", help="the form is a practitioner's report")] = False,
    scale: Annotated[str, typer.Option(help="of reports: the source's option scale, as 1-5")] = "",
) -> None:
    """Say in which a form and its codebook disagree; nothing may."""
    from barometer.ingest.tables.xlsform import read_form, report_differences, untranslated

    read = read_form(form)
    for line in untranslated(read):
        console.print(f"not translated yet: {line}", highlight=False)
    found = (
        report_differences(read, {}, scale=scale or None)
        if reports
        else _against_codebook(read_form(form), _codebook_path(codebook or form.stem, city))
    )
    _finish(found, form)


def _against_codebook(form: object, path: Path) -> list[str]:
    from barometer.ingest.tables.codebook import load_codebook
    from barometer.ingest.tables.xlsform import Form, differences, wording

    assert isinstance(form, Form)
    known = load_codebook(path)
    for line in wording(form, known):
        console.print(f"worded otherwise: {line}", highlight=False)
    return differences(form, known)


def _codebook_path(name: str, city: str) -> Path:
    from barometer.ingest.tables.codebook import find_codebook

    if Path(name).is_file():
        return Path(name)
    return find_codebook(name, Settings().configs / "cities" / (city or "any"))


def _finish(found: Sequence[str], form: Path) -> None:
    for line in found:
        typer.echo(line)
    if found:
        raise BarometerError(
            f"{form.name}: {len(found)} differences between the form and what reads it; mend one of them"
        )
    typer.echo(f"{form.name}: the form and what reads it agree")
