"""`barometer sources …`: which services there are, how a city's sources stand, and adding one step by step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
import yaml
from pydantic_core import PydanticUndefined

from barometer.errors import BarometerError

EXIT_PERSON_CAN_MEND = 2

app = typer.Typer(no_args_is_help=True, help="Where a city's records come from: files and live services.")

CityOption = Annotated[str, typer.Option("--city", help="city id: a folder of configs/cities/")]


@app.command("list")
def list_services() -> None:
    """The services that can be read live: what each brings, what it needs, what its terms ask of a city."""
    from barometer.ingest.live.services import CONNECTORS

    for connector in CONNECTORS.values():
        typer.echo(f"{connector.service}: {connector.title}, brings {', '.join(connector.signals)}")
        for secret in connector.secrets:
            typer.echo(f"    {'needs' if secret.is_needed else 'may have'} {secret.name}: {secret.meaning}")
        typer.echo(f"    terms: {connector.terms}")


@app.command("check")
def check_sources(
    city: CityOption,
    source: Annotated[str, typer.Option(help="one source id; all if absent")] = "",
    offline: Annotated[bool, typer.Option("--offline", help="ask no service anything")] = False,
) -> None:
    """Source by source: configured, reachable, permitted, missing, and how the last night went."""
    from barometer.ingest.live.check_sources import check_source
    from barometer.night import open_night

    night = open_night(city, datetime.now(UTC).date())
    wanted = [one for one in night.city.sources if source in ("", one.id)]
    if not wanted:
        raise BarometerError(f"city {city} has no source {source!r}: see its city.yaml")
    states = [check_source(night, one, is_asked=not offline) for one in wanted]
    for state in states:
        typer.echo(state.text)
    waiting = sum(state.needs_person for state in states)
    typer.echo(f"{len(states) - waiting} of {len(states)} sources are well, {waiting} need you")
    if waiting:
        raise typer.Exit(EXIT_PERSON_CAN_MEND)


@app.command("add")
def add_source(city: CityOption) -> None:
    """Walk through adding a live source; writes city.yaml, and never a secret."""
    from barometer.city import load_city
    from barometer.ingest.live.add_source import add_entry, entry_of
    from barometer.settings import Settings

    settings = Settings()
    found = load_city(city, settings.configs)
    connector = _which_service()
    entry = _asked_for(connector, is_synthetic=found.is_synthetic, taken={one.id for one in found.sources})
    _say_secrets(connector, entry)
    typer.echo(f"\nThe entry:\n\n{entry_of(entry)}")
    if not _answers(city, entry) and not typer.confirm("Write it into city.yaml all the same?", default=False):
        raise typer.Exit(EXIT_PERSON_CAN_MEND)
    add_entry(found.folder, entry)
    typer.echo(f"Written. {entry.id} is read from the next night on.")


def _which_service() -> Any:
    from barometer.ingest.live.services import CONNECTORS

    if not CONNECTORS:
        raise BarometerError("no service is known")
    for connector in CONNECTORS.values():
        typer.echo(f"{connector.service:<24} {connector.title}: {', '.join(connector.signals)}. {connector.terms}")
    while (name := typer.prompt("Which service").strip()) not in CONNECTORS:
        typer.echo("There is no such service; take a name from the first column.")
    return CONNECTORS[name]


def _asked_for(connector: Any, *, is_synthetic: bool, taken: set[str]) -> Any:
    """The entry as the operator wants it; asks again until it is sound."""
    from pydantic import ValidationError

    from barometer.city import SourceConfig
    from barometer.ingest.live.opening import mistakes_of

    while True:
        values = {
            "id": _ask_id(connector.service, taken),
            "signal": _ask_signal(connector.signals),
            "connection": _ask_connection(connector),
            "options": _ask_options(connector),
        }
        try:
            entry = SourceConfig(
                kind="live", service=connector.service, format=connector.format, is_synthetic=is_synthetic, **values
            )
        except ValidationError as error:
            mistakes = [str(one["msg"]) for one in error.errors(include_url=False, include_input=False)]
        else:
            mistakes = mistakes_of(entry)
        if not mistakes:
            return entry
        typer.echo("\n".join(["This is not right yet:", *mistakes]))


def _ask_id(service: str, taken: set[str]) -> str:
    while (name := typer.prompt("Its id in this city", default=service).strip()) in taken:
        typer.echo(f"There is a source {name} already.")
    return str(name)


def _ask_connection(connector: Any) -> str:
    if not connector.secrets:
        return ""
    return str(typer.prompt("Name for its credentials", default=connector.service)).strip()


def _ask_signal(signals: tuple[str, ...]) -> str:
    if len(signals) == 1:
        return signals[0]
    while (name := typer.prompt(f"What it brings ({', '.join(signals)})", default=signals[0]).strip()) not in signals:
        typer.echo("It does not bring that.")
    return str(name)


def _ask_options(connector: Any) -> dict[str, Any]:
    """Every option with its description; an empty answer keeps the default."""
    given = {}
    for name, info in connector.options.model_fields.items():
        is_needed = info.default is PydanticUndefined and info.default_factory is None
        default = None if is_needed else ""
        known = "" if is_needed or info.default is PydanticUndefined else f" [default: {info.default}]"
        words = f"{name}: {info.description or 'see docs/sources.md'}{known}"
        answer = typer.prompt(words, default=default, show_default=False)
        if str(answer).strip():
            given[name] = _value(str(answer))
    return given


def _value(answer: str) -> Any:
    """What an answer means: as YAML would read it (numbers, yes and no, lists in brackets), else as it stands."""
    try:
        return yaml.safe_load(answer)
    except yaml.YAMLError:
        return answer


def _say_secrets(connector: Any, entry: Any) -> None:
    from barometer.ingest.live.secrets import connection_of, variable

    for secret in connector.secrets:
        need = "It needs" if secret.is_needed else "It may have"
        typer.echo(f"{need} {secret.name} ({secret.meaning}): set {variable(entry, secret.name)},")
        typer.echo(f"    or make the Airflow connection {connection_of(entry)}. It is never written into a file here.")


def _answers(city: str, entry: Any) -> bool:
    """Ask the service once, and say what it answered."""
    from barometer.ingest.live.check_sources import check_source
    from barometer.night import open_night

    state = check_source(open_night(city, datetime.now(UTC).date()), entry)
    typer.echo(state.text)
    return not state.needs_person
