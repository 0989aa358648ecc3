import json
from pathlib import Path

import pytest

from barometer.errors import BadInput
from barometer.ops.scores import compared


def a_model(folder: Path, metrics: object) -> Path:
    folder.mkdir()
    (folder / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    return folder


def test_scores_stand_side_by_side_with_their_change(tmp_path: Path) -> None:
    in_use = a_model(tmp_path / "a", {"trust": {"f1": 0.5, "curve": [0.1, 0.2]}, "name": "linear"})
    candidate = a_model(tmp_path / "b", {"trust": {"f1": 0.625, "curve": [0.3]}, "name": "linear"})
    heading, line = compared(in_use=in_use, candidate=candidate).splitlines()
    assert heading.split() == ["score", "in", "use", "new", "change"]
    assert line.split() == ["trust.f1", "0.500", "0.625", "+0.125"]


def test_scores_that_only_one_of_them_has_are_left_out(tmp_path: Path) -> None:
    in_use, candidate = (
        a_model(tmp_path / "a", {"old": 1.0}),
        a_model(tmp_path / "b", {"new": 1.0, "is_promoted": True}),
    )
    assert len(compared(in_use=in_use, candidate=candidate).splitlines()) == 1


def test_missing_scores_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nowhere/metrics.json: the model's scores cannot be read"):
        compared(in_use=tmp_path / "nowhere", candidate=tmp_path)


def test_broken_scores_are_named(tmp_path: Path) -> None:
    broken = a_model(tmp_path / "a", {})
    (broken / "metrics.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadInput, match="cannot be read"):
        compared(in_use=broken, candidate=broken)
