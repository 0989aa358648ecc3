"""One nightly run of one city: what every step is handed, and nothing that depends on the clock of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from zoneinfo import ZoneInfo

from barometer.city import City, load_city
from barometer.lake import Lake, open_lake
from barometer.settings import Settings


@dataclass(frozen=True)
class Night:
    """The run of `city` for the day `night`: reads what came in up to the end of that day in the city's time zone."""

    city: City
    lake: Lake
    settings: Settings
    night: date

    @property
    def run_id(self) -> str:
        """Name of the run, the same however often it is run."""
        return f"{self.city.id}-{self.night.isoformat()}"

    @cached_property
    def horizon(self) -> datetime:
        """End of the night's day in the city's time zone, as UTC; what happened later belongs to later nights."""
        end_of_day = datetime.combine(self.night + timedelta(days=1), time(), ZoneInfo(self.city.timezone))
        return end_of_day.astimezone(UTC)

    @property
    def issued_at(self) -> datetime:
        """The time an estimate of this run is issued as of."""
        return self.horizon

    @property
    def folder(self) -> Path:
        """Where the run's report, timings and Data Docs are kept (outside the lake)."""
        return self.settings.runs / self.city.id / self.run_id


def open_night(city_id: str, night: date, settings: Settings | None = None) -> Night:
    """Load the city's configuration, open its lake, and make the night's context."""
    settings = settings or Settings()
    city = load_city(city_id, settings.configs)
    return Night(city=city, lake=open_lake(settings, city.id), settings=settings, night=night)
