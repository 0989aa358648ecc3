"""Posts as a former model reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from barometer.classify.again import labels_by
from barometer.classify.manifest import read_manifest
from barometer.night import Night
from barometer.tables import validate
from tests.classify.made import a_model, a_night_with_model, put_posts, table


@pytest.fixture
def night(tmp_path: Path) -> Night:
    made = a_night_with_model(tmp_path)
    put_posts(made, {"post": "a", "text": "The council are liars"}, {"post": "b", "text": "Rain again"})
    return made


def test_a_model_that_is_there_reads_them_and_nothing_is_written(night: Night) -> None:
    version = read_manifest("linear", night.settings.models).version
    posts = table(night, "posts")
    found = validate("labels", labels_by(night, posts, "linear", version))
    expected = a_model().predict(posts["text"].to_list())
    assert found.select(expected.columns).equals(expected)
    assert found["post"].to_list() == ["a", "b"]
    assert table(night, "labels").is_empty()


@pytest.mark.parametrize(("name", "version"), [("linear", "another"), ("gone", "v1")])
def test_a_model_that_is_gone_or_another_by_now_reads_nothing(night: Night, name: str, version: str) -> None:
    assert labels_by(night, table(night, "posts"), name, version).is_empty()
