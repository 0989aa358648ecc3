"""`barometer serve`: the API and the pages over what was published."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from barometer.settings import Settings

_APP = "barometer.serve.app:from_environment"


def add_serve_commands(app: typer.Typer) -> None:
    """Hang the commands of this module into the command line."""
    app.command()(serve)


def serve(
    *,
    host: Annotated[str, typer.Option(help="address to listen at; 0.0.0.0 for every one")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to listen at")] = 8090,
    workers: Annotated[int, typer.Option(min=1, help="processes; each has its own rate limit and memory")] = 1,
    rate: Annotated[float, typer.Option(min=0, help="requests a second that one client may ask; 0 for no limit")] = 20,
    burst: Annotated[float, typer.Option(min=1, help="requests that one client may ask at once")] = 100,
    behind_proxy: Annotated[
        str, typer.Option(help="address of the reverse proxy before it, whose word on clients' addresses is taken")
    ] = "127.0.0.1",
) -> None:
    """Serve the approved releases: pages at /, data at /v1, maps at /ogc, words at /docs. For reading only."""
    import uvicorn

    os.environ |= {"BAROMETER_SERVE_REQUESTS_PER_SECOND": str(rate), "BAROMETER_SERVE_BURST": str(burst)}
    typer.echo(f"Releases of {Settings().releases} at http://{host}:{port}/ (API: /docs)", err=True)
    uvicorn.run(
        _APP,
        factory=True,
        host=host,
        port=port,
        workers=workers,
        forwarded_allow_ips=behind_proxy,
        server_header=False,
        access_log=False,
        log_level="warning",
    )
