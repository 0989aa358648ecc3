"""Airflow on one machine, ready to take nights: started, reachable, its pools made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

from barometer.ops.api import AirflowApi
from barometer.ops.cities import city_cards, pool_slots, timezone_of
from barometer.ops.follow import Run
from barometer.ops.home import ADMIN_USER, AirflowHome
from barometer.ops.nights import interval_of
from barometer.ops.processes import ESSENTIAL, Component, running

READY_WITHIN_SECONDS = 180


@dataclass(frozen=True)
class Airflow:
    """A running Airflow, reached as its administrator."""

    home: AirflowHome
    components: tuple[Component, ...]
    admin: AirflowApi

    def as_user(self, user: str) -> AirflowApi:
        """The same Airflow, reached as one of its other users."""
        api = AirflowApi(self.home.url, user, self.home.secrets().passwords[user])
        api.wait_until_ready(timeout_seconds=READY_WITHIN_SECONDS, check=self.check)
        return api

    def check(self) -> None:
        """Raise `ComponentStopped` when a part of Airflow has ended by itself."""
        for component in self.components:
            component.check()

    def start_night(self, city_id: str, night: date, **conf: object) -> Run:
        """Start one night of one city by hand."""
        dag_id = f"nightly_{city_id}"
        self.admin.wait_for_dag(dag_id, timeout_seconds=READY_WITHIN_SECONDS, check=self.check)
        interval = interval_of(night, timezone_of(city_id))
        run_id = self.admin.trigger(dag_id, f"by-hand-{night}-{datetime.now():%H%M%S}", interval, **conf)
        self.admin.unpause(dag_id)
        return Run(dag_id, run_id)

    def forget_nights(self, city_id: str) -> None:
        """Delete the runs of a city's nights from Airflow (not from the lake)."""
        dag_id = f"nightly_{city_id}"
        for run_id in self.admin.runs(dag_id):
            self.admin.delete_run(dag_id, run_id)


@contextmanager
def airflow(home: AirflowHome, commands: Mapping[str, Sequence[str]] = ESSENTIAL) -> Iterator[Airflow]:
    """Airflow in `home`, ready, with the pools the cities' sources need; gone again when the block is left."""
    admin = AirflowApi(home.url, ADMIN_USER, home.secrets().passwords[ADMIN_USER])
    with running(home, commands) as components:
        started = Airflow(home, components, admin)
        admin.wait_until_ready(timeout_seconds=READY_WITHIN_SECONDS, check=started.check)
        started.admin.make_pools(pool_slots(city_cards(home.settings.configs, home.cities)))
        yield started
