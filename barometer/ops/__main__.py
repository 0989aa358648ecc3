"""`python -m barometer.ops …`: what the Makefile and the cluster call."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer
from rich.console import Console

from barometer.errors import BarometerError
from barometer.ops.processes import COMPLETE, free_port
from barometer.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Run nights in Airflow.")
console = Console(highlight=False, soft_wrap=True)
EXIT_PERSON_CAN_MEND = 2
EXIT_INTERRUPTED = 130


@app.command("run")
def run() -> None:
    """Run the sample city's nights in a real Airflow, to an approved release."""
    from barometer.ops.sample import run_sample

    began = time.monotonic()
    release = run_sample(Settings(), console.print)
    page = release / "index.html"
    console.print(f"\n[bold green]Released[/] after {time.monotonic() - began:.0f} seconds: {page}")
    console.print(f"Open it in a browser: {page.resolve().as_uri()}")
    console.print("Airflow and the release site: make up")


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Airflow's port; 0: any free one")] = 8080,
    site_port: Annotated[int, typer.Option(help="the release site's port; 0: any free one")] = 8081,
    approver: Annotated[list[str] | None, typer.Option(help="user name of a person who may approve releases")] = None,
) -> None:
    """Airflow's interface and the release site on this machine, until Ctrl-C."""
    from barometer.ops.embedded import airflow
    from barometer.ops.home import AirflowHome
    from barometer.ops.site import serving, write_front_page

    settings = Settings()
    home = AirflowHome(settings, port or free_port(), approvers=tuple(approver or ()))
    write_front_page(settings.releases)
    console.print("Starting Airflow …")
    with (
        serving(settings.releases, site_port) as site,
        serving(settings.drafts) as drafts,
        airflow(home, COMPLETE) as it,
    ):
        console.print(f"\nAirflow   [bold]{home.url}[/]")
        for user, password in home.secrets().passwords.items():
            if user in home.roles:
                console.print(f"          user [bold]{user}[/], password [bold]{password}[/]")
        console.print(f"Releases  [bold]{site}[/]\nDrafts    [bold]{drafts}[/]\nLogs      {home.logs}")
        console.print("\nNights are paused until you switch a city's DAG on. Ctrl-C stops everything.")
        while True:
            it.check()
            time.sleep(1)


@app.command("prepare-cluster")
def prepare_cluster() -> None:
    """Airflow's database, the pools and the lake's bucket, before a cluster's parts start."""
    from barometer.ops.cluster import prepare_cluster as prepare

    prepare(Settings())


@app.command()
def secrets() -> None:
    """Print a fresh `.env` for docker-compose.yml."""
    from barometer.ops.cluster import secret_lines

    typer.echo("\n".join(secret_lines()))


def main() -> None:
    """Run one command; what a person can mend is one line, and Ctrl-C is no error."""
    try:
        app(standalone_mode=False)
    except BarometerError as error:
        console.print("[bold red]barometer:[/]", end=" ")
        console.print(str(error), markup=False)
        sys.exit(EXIT_PERSON_CAN_MEND)
    except (KeyboardInterrupt, typer.Abort):
        console.print("\nStopped; nothing is left running.")
        sys.exit(EXIT_INTERRUPTED)
    except typer.Exit as ended:
        sys.exit(ended.exit_code)


if __name__ == "__main__":
    main()
