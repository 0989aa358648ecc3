"""A door of Testville, and the sample city's written posts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from barometer.prepare.privacy import CityDoor, city_door
from barometer.settings import PROJECT, Settings
from tests.towns import make_testville

SAMPLE_POSTS = PROJECT / "configs" / "cities" / "sample" / "written_posts.jsonl"


@pytest.fixture(scope="session")
def door(tmp_path_factory: pytest.TempPathFactory) -> CityDoor:
    folder = tmp_path_factory.mktemp("door")
    return city_door(make_testville(folder), Settings(home=folder))


@pytest.fixture(scope="session")
def sample_posts() -> list[dict[str, Any]]:
    """The synthetic posts written for the sample city: id, text, lang, place, place_in_text, …"""
    if not Path(SAMPLE_POSTS).is_file():
        pytest.skip(f"the sample city has no written posts: {SAMPLE_POSTS.name} is missing")
    return [json.loads(line) for line in SAMPLE_POSTS.read_text("utf-8").splitlines()]
