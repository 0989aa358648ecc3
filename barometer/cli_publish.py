"""`barometer publish-to …`, `verify`, `signing-key`: releases in other places, and whether one is genuine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from barometer.errors import BadConfiguration

TOKEN_VARIABLE = "BAROMETER_CKAN_TOKEN"  # noqa: S105 (the name of a variable, no secret)

publish_to_app = typer.Typer(no_args_is_help=True, help="Put an approved release where others find it.")

Release = Annotated[Path, typer.Argument(help="folder of an approved release", exists=True, file_okay=False)]


def add_publish_commands(app: typer.Typer) -> None:
    """Hang the commands of this module into the command line."""
    app.add_typer(publish_to_app, name="publish-to")
    app.command()(verify)
    app.command("signing-key")(signing_key)


@publish_to_app.command()
def folder(release: Release, target: Annotated[Path, typer.Argument(help="folder of a web server or share")]) -> None:
    """Put a release into another folder; the same release twice changes nothing."""
    from barometer.release.destinations import open_parcel
    from barometer.release.destinations.folder import to_folder

    typer.echo(to_folder(open_parcel(release), target))


@publish_to_app.command()
def bucket(release: Release, url: Annotated[str, typer.Argument(help="s3://bucket/prefix; AWS_* say how")]) -> None:
    """Put a release into a bucket of an object store; readers who follow latest.json never see half of it."""
    from barometer.release.destinations import open_parcel
    from barometer.release.destinations.bucket import to_bucket

    typer.echo(to_bucket(open_parcel(release), url))


@publish_to_app.command()
def ckan(
    release: Release,
    url: Annotated[str, typer.Argument(help="address of the portal, such as https://data.example.org")],
    organisation: Annotated[str, typer.Option(help="id or name of the organisation that publishes")],
) -> None:
    """Publish a release as a dataset of a CKAN portal; the token is read from BAROMETER_CKAN_TOKEN."""
    from barometer.release.destinations import open_parcel
    from barometer.release.destinations.ckan import Ckan, to_ckan

    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        raise BadConfiguration(f"{TOKEN_VARIABLE} is not set: put an API token of the portal there")
    with Ckan(url, token) as portal:
        typer.echo(to_ckan(open_parcel(release), portal, organisation=organisation))


def verify(
    release: Release,
    public_key: Annotated[Path | None, typer.Option(help="the city's public key (PEM); checks the signature")] = None,
) -> None:
    """Say whether a release is exactly as it was approved, and whether its signature is the city's."""
    from barometer.release.signature import verify as step

    for line in step(release, public_key):
        typer.echo(line)


def signing_key(folder: Annotated[Path, typer.Argument(help="folder for the new key pair")]) -> None:
    """Make a key pair; with BAROMETER_SIGNING_KEY naming the private one, releases are signed."""
    from barometer.release.signature import make_keys

    private, public = make_keys(folder)
    typer.echo(f"Private, keep it: {private}\nPublic, hand it out: {public}")
