"""The exact estimates behind a release, made again from the lake as it was."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl
from threadpoolctl import threadpool_limits

from barometer.configured import Configured, archive_path, configured, read_archive
from barometer.errors import BadInput
from barometer.estimate.run import Context, as_estimates, work_out
from barometer.indicators import config_version
from barometer.night import Night
from barometer.published import Release
from barometer.tables import TABLES


@dataclass(frozen=True)
class Rebuilt:
    """`night`: the night of the release, its city as it was configured. `rows`: its estimates, made again."""

    night: Night
    settings: Configured
    rows: pl.DataFrame


def rebuild(night: Night, release: Release) -> Rebuilt:
    """Estimate again what `release` was made from, as of the time it was estimated, writing nothing.

    Raises `BadInput` when the lake has no such past or the configuration was not kept.
    """
    at = night.lake.written_at("estimates", partition={"night": release.night}, as_of=release.approved_at)
    if at is None:
        raise BadInput(f"the lake of {night.city.id} does not reach back to {release.name}: nothing to rebuild it from")
    settings = former_configuration(night, release, configured(night.city, night.settings.configs))
    if settings is None:
        raise BadInput(f"the configuration of {release.name} was not kept: it cannot be rebuilt, only shown")
    city = settings.laid_on(night.city)
    then = replace(night, night=release.night, city=city, lake=night.lake.at(at))
    context = Context(then, settings.indicators)
    with threadpool_limits(limits=1):
        made = as_estimates(work_out(context).cells, context)
    used = pl.lit(release.manifest["config_versions"][0]).alias("config_version")
    rows = made.with_columns(used).sort(TABLES["estimates"].key)
    return Rebuilt(replace(then, lake=night.lake), settings, rows)


def former_configuration(night: Night, release: Release, now: Configured) -> Configured | None:
    """The configuration a release was made with, where it is today's (`now`) or was kept; else None."""
    versions = release.manifest["config_versions"]
    if versions == [config_version(night.city, night.settings.configs)]:
        return now
    path = archive_path(night, versions[0]) if len(versions) == 1 else None
    return read_archive(path) if path is not None and path.is_file() else None
