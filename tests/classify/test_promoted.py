"""`promoted` stands for whichever model was put in use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from barometer.classify.model import PROMOTED, PROMOTION, load_model, promoted_name
from barometer.errors import BadConfiguration, BadInput
from tests.classify.made import written


def put_in_use(models: Path, **record: object) -> None:
    (models / PROMOTION).write_text(json.dumps(record), encoding="utf-8")


def test_another_name_stands_for_itself(tmp_path: Path) -> None:
    assert promoted_name("few-words", tmp_path) == "few-words"


def test_without_a_promotion_the_linear_model_is_in_use(tmp_path: Path) -> None:
    assert promoted_name(PROMOTED, tmp_path) == "linear"


def test_the_promoted_model_is_loaded(tmp_path: Path) -> None:
    manifest = written(tmp_path, "better")
    put_in_use(tmp_path, model="better", version=manifest.version)
    model = load_model(PROMOTED, tmp_path)
    assert (model.name, model.version) == ("better", manifest.version)


def test_a_model_that_changed_since_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "better")
    put_in_use(tmp_path, model="better", version="before")
    with pytest.raises(BadInput, match="another version than was promoted"):
        load_model(PROMOTED, tmp_path)


def test_a_promoted_model_that_is_gone_is_named(tmp_path: Path) -> None:
    put_in_use(tmp_path, model="gone", version="1")
    with pytest.raises(BadConfiguration, match="gone"):
        load_model(PROMOTED, tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"model": "x"}', "not json"])
def test_a_damaged_record_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / PROMOTION).write_text(content, encoding="utf-8")
    with pytest.raises(BadInput, match="promote a model again"):
        load_model(PROMOTED, tmp_path)
