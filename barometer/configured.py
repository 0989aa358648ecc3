"""The configuration estimates were made with, kept beside the releases: `.configurations/<config_version>.zip`.

Only what a number depends on is kept: indicators, thresholds, which signals have a source, and the city's figures. No
evidence, no address of a source. The same configuration always gives the same bytes.
"""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from barometer.city import City
from barometer.city_files import SHEETS, SourceConfig, Thresholds
from barometer.errors import BadInput
from barometer.indicators import INDICATORS_FILE, Indicators, config_version, load_indicators, parse_indicators
from barometer.night import Night

FOLDER = ".configurations"
_CITY = "city.json"
# Frames of a city that estimates read; the others place posts, which are placed already.
FIGURES = ("areas", "adjacency", "population", "margins", "covariates", "crosswalk")
# What a row of the zip says of its time: nothing (the earliest a zip can say).
_NO_TIME = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Configured:
    """Indicators and the city's side of a configuration. `signals`: those the city had a source of."""

    indicators: Indicators
    thresholds: Thresholds
    signals: tuple[str, ...]
    figures: dict[str, pl.DataFrame]

    def laid_on(self, city: City) -> City:
        """`city` as this configuration has it."""
        sources = tuple(_source(signal, city) for signal in self.signals)
        changes: dict[str, Any] = {"thresholds": self.thresholds, "sources": sources, **self.figures}
        return replace(city, **changes)


def configured(city: City, configs: Path) -> Configured:
    """The configuration as it is now."""
    return Configured(
        indicators=load_indicators(configs),
        thresholds=city.thresholds,
        signals=tuple(sorted({source.signal for source in city.sources})),
        figures={name: _in_order(getattr(city, name)) for name in FIGURES},
    )


def archive_path(night: Night, version: str) -> Path:
    """Where the configuration of that version is kept for the city of `night`."""
    return night.settings.releases / night.city.id / FOLDER / f"{version}.zip"


def archive(night: Night, version: str) -> Path | None:
    """Keep today's configuration if it is the one of `version`; returns where, or None when it is another by now."""
    if config_version(night.city, night.settings.configs) != version:
        return None
    path = archive_path(night, version)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        staged = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        staged.write_bytes(to_bytes(night.city, night.settings.configs))
        staged.replace(path)
    return path


def to_bytes(city: City, configs: Path) -> bytes:
    """The archive of a configuration."""
    now = configured(city, configs)
    about = {"id": city.id, "thresholds": now.thresholds.model_dump(), "signals": list(now.signals)}
    files = {
        INDICATORS_FILE: (configs / INDICATORS_FILE).read_bytes(),
        _CITY: (json.dumps(about, indent=2, sort_keys=True) + "\n").encode(),
        **{f"{name}.csv": frame.write_csv().encode() for name, frame in now.figures.items()},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, content in sorted(files.items()):
            packed.writestr(zipfile.ZipInfo(name, date_time=_NO_TIME), content, compress_type=zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def read_archive(path: Path) -> Configured:
    """The configuration kept at `path`; raises `BadInput` when it cannot be read."""
    try:
        with zipfile.ZipFile(path) as packed:
            about = json.loads(packed.read(_CITY))
            return Configured(
                indicators=parse_indicators(packed.read(INDICATORS_FILE).decode(), source=f"{path}/{INDICATORS_FILE}"),
                thresholds=Thresholds.model_validate(about["thresholds"]),
                signals=tuple(about["signals"]),
                figures={name: _read_frame(packed.read(f"{name}.csv"), name) for name in FIGURES},
            )
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, pl.exceptions.PolarsError) as error:
        why = " ".join(str(error).split())[:200]
        raise BadInput(f"{path}: is no archive of a configuration ({why}); restore it from its copy") from None


def _read_frame(content: bytes, name: str) -> pl.DataFrame:
    return pl.read_csv(io.BytesIO(content), schema=SHEETS[name].schema)


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort(frame.columns)


def _source(signal: str, city: City) -> SourceConfig:
    """A source that says no more than that the city has one of this signal."""
    options = {"codebook": "archived"} if signal == "answers" else {}
    return SourceConfig.model_validate(
        {
            "id": f"archived_{signal}",
            "signal": signal,
            "format": "archived",
            "path": "archived",
            "is_synthetic": city.is_synthetic,
            "options": options,
        }
    )
