"""What tests of city folders share."""

from __future__ import annotations

from pathlib import Path

import pytest

from barometer.city import City, load_city
from barometer.settings import PROJECT
from tests.cities.quadville import write_quadville


@pytest.fixture(scope="session")
def configs() -> Path:
    """The project's own configuration."""
    return PROJECT / "configs"


@pytest.fixture(scope="session")
def bradford(configs: Path) -> City:
    return load_city("bradford", configs)


@pytest.fixture(scope="session")
def stockholm(configs: Path) -> City:
    return load_city("stockholm", configs)


@pytest.fixture(scope="session")
def sample(configs: Path) -> City:
    return load_city("sample", configs)


@pytest.fixture
def quadville_folder(tmp_path: Path) -> Path:
    """A sound, invented city folder that a test may break; its configs are two folders up."""
    return write_quadville(tmp_path)
