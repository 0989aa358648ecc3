"""The configuration kept beside the releases: whole, the same bytes every time, and never under a wrong name."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from barometer.city_files import Thresholds
from barometer.configured import FIGURES, archive, archive_path, configured, read_archive, to_bytes
from barometer.errors import BadInput
from barometer.indicators import config_version
from barometer.night import Night
from barometer.settings import PROJECT
from tests.rows import NIGHT
from tests.towns import a_night, a_source

CONFIGS = PROJECT / "configs"


@pytest.fixture
def night(tmp_path: Path) -> Night:
    (tmp_path / "city").mkdir()
    sources = [a_source(), a_source(id="q", signal="answers", path="a/*.csv", format="csv", options={"codebook": "x"})]
    return a_night(tmp_path, NIGHT, *sources, thresholds=Thresholds(minimum_n=15))


def kept(night: Night) -> Path:
    path = archive(night, config_version(night.city, night.settings.configs))
    assert path is not None
    return path


def test_what_is_kept_is_what_was_there(night: Night) -> None:
    now, found = configured(night.city, CONFIGS), read_archive(kept(night))
    assert found.indicators == now.indicators
    assert found.thresholds == night.city.thresholds
    assert found.signals == ("answers", "posts")
    assert all(found.figures[name].equals(now.figures[name]) for name in FIGURES)
    assert all(found.figures[name].schema == now.figures[name].schema for name in FIGURES)


def test_it_is_named_by_its_content_and_hidden_from_readers(night: Night) -> None:
    version = config_version(night.city, CONFIGS)
    assert kept(night) == archive_path(night, version)
    assert kept(night).relative_to(night.settings.releases) == Path(f"testville/.configurations/{version}.zip")


def test_the_same_configuration_gives_the_same_bytes(night: Night) -> None:
    turned = replace(night.city, areas=night.city.areas.reverse(), margins=night.city.margins.reverse())
    assert to_bytes(night.city, CONFIGS) == to_bytes(turned, CONFIGS) == kept(night).read_bytes()


def test_another_configuration_by_now_is_not_kept_under_the_old_name(night: Night) -> None:
    version = config_version(night.city, CONFIGS)
    changed = replace(night, city=replace(night.city, margins=night.city.margins.with_columns(pl.col("persons") + 1)))
    assert archive(changed, version) is None
    assert not archive_path(night, version).exists()


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_a_number_depends_on_changes_the_version(night: Night, figure: str) -> None:
    frame: pl.DataFrame = getattr(night.city, figure)
    change: dict[str, Any] = {figure: frame.head(1) if frame.height else frame.vstack(_a_share(frame))}
    assert config_version(replace(night.city, **change), CONFIGS) != config_version(night.city, CONFIGS)


def _a_share(frame: pl.DataFrame) -> pl.DataFrame:
    made = {"area": "T1", "geography": "ward", "other_area": "W1", "share": 0.5}
    return pl.DataFrame([made], schema=frame.schema)


def test_keeping_twice_changes_nothing_and_leaves_no_other_file(night: Night) -> None:
    before = kept(night).stat().st_mtime_ns
    assert kept(night).stat().st_mtime_ns == before
    assert [path.name for path in kept(night).parent.iterdir()] == [kept(night).name]


def test_neither_sources_nor_evidence_are_in_it(night: Night) -> None:
    secret = replace(night, city=replace(night.city, sources=(a_source(path="private/place/*.jsonl"),)))
    with zipfile.ZipFile(kept(secret)) as packed:
        names = set(packed.namelist())
        content = b"".join(packed.read(name) for name in names)
    assert names == {"city.json", "indicators.yaml", *(f"{name}.csv" for name in FIGURES)}
    assert b"private/place" not in content


def test_laid_on_a_city_it_takes_the_place_of_todays(night: Night) -> None:
    found = read_archive(kept(night))
    other = replace(night.city, margins=night.city.margins.clear(), thresholds=Thresholds(), sources=())
    city = found.laid_on(other)
    assert city.margins.equals(night.city.margins)
    assert city.thresholds.minimum_n == 15
    assert {source.signal for source in city.sources} == {"answers", "posts"}
    assert city.name == night.city.name


@pytest.mark.parametrize("content", [b"", b"PK no zip", b"{}"])
def test_what_is_no_archive_is_one_line(night: Night, content: bytes) -> None:
    path = kept(night)
    path.write_bytes(content)
    with pytest.raises(BadInput, match=f"{path.name}: is no archive of a configuration"):
        read_archive(path)


def test_an_archive_without_a_file_is_one_line(night: Night, tmp_path: Path) -> None:
    path = tmp_path / "cut.zip"
    with zipfile.ZipFile(kept(night)) as whole, zipfile.ZipFile(path, "w") as cut:
        for name in whole.namelist():
            if name != "margins.csv":
                cut.writestr(name, whole.read(name))
    with pytest.raises(BadInput, match=r"margins\.csv"):
        read_archive(path)
    shutil.rmtree(tmp_path / "home")


@settings(max_examples=10)
@given(st.lists(st.floats(-1e9, 1e9, allow_nan=False), min_size=4, max_size=4))
def test_numbers_come_back_as_they_were(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    folder = tmp_path_factory.mktemp("numbers")
    (folder / "city").mkdir()
    plain = a_night(folder, NIGHT)
    night = replace(
        plain, city=replace(plain.city, covariates=plain.city.covariates.with_columns(value=pl.Series(values)))
    )
    path = folder / "kept.zip"
    path.write_bytes(to_bytes(night.city, CONFIGS))
    found = read_archive(path).figures["covariates"]
    assert found.sort("area")["value"].to_list() == values
