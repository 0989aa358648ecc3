"""Labelled posts come in one shape, and a set with a wrong line is refused with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from barometer.errors import BadInput
from barometer.tables import LABEL_HEADS
from barometer.train.data import GOLD, SAMPLE, SCHEMA, SILVER, csv_rows, labelled_posts, training_posts
from tests.train.made import a_data_folder, a_post, write_lines


def test_posts_of_all_three_sets_come_in_one_shape(tmp_path: Path) -> None:
    data, sample = a_data_folder(tmp_path)
    posts = training_posts(data, sample)
    assert dict(posts.schema) == SCHEMA
    assert dict(posts["set"].value_counts().iter_rows()) == {GOLD: 150, SILVER: 150, SAMPLE: 150}


def test_the_sample_may_be_left_out(tmp_path: Path) -> None:
    data, _ = a_data_folder(tmp_path)
    assert set(training_posts(data, None)["set"]) == {GOLD, SILVER}


def test_a_set_without_sources_is_its_own_source(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "p.jsonl", [a_post(1, author="ann", story="fair")])
    row = labelled_posts(path, set_name=SAMPLE).row(0, named=True)
    assert (row["source"], row["author"], row["story"]) == ("sample_city", "ann", "fair")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id": None}, "line 2, field id: must be text"),
        ({"text": "  "}, "line 2, field text: must be text"),
        ({"trust": "maybe"}, "line 2, field trust: is 'maybe', must be one of trust, distrust, none"),
        ({"rumour": None}, "line 2, field rumour: is None, must be one of rumour, correction, none"),
        ({"hostile": True}, "line 2, field hostile: is True, must be one of yes, no"),
        ({"trust": "none", "target": "media"}, "line 2, field target: must be none exactly when trust is none"),
        ({"trust": "trust", "target": "none"}, "line 2, field target: must be none exactly when trust is none"),
        ({"id": "x0"}, "field id: 'x0' stands on more than one line"),
    ],
)
def test_a_wrong_line_is_named_with_its_field(tmp_path: Path, changes: dict[str, Any], expected: str) -> None:
    path = write_lines(tmp_path / "posts.jsonl", [a_post(0), a_post(1) | changes])
    with pytest.raises(BadInput, match=expected) as raised:
        labelled_posts(path, set_name=GOLD)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(("line", "expected"), [("{", "line 1: is not JSON"), ("[1]", "line 1: is not a JSON object")])
def test_a_line_that_is_no_object_is_named(tmp_path: Path, line: str, expected: str) -> None:
    path = tmp_path / "posts.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(BadInput, match=expected):
        labelled_posts(path, set_name=GOLD)


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "posts.jsonl", [a_post(0)])
    path.write_text("\n" + path.read_text("utf-8") + "\n\n", encoding="utf-8")
    assert labelled_posts(path, set_name=GOLD).height == 1


def test_a_missing_set_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no such file; the linear model is trained from it"):
        training_posts(tmp_path, None)
    with pytest.raises(BadInput, match="there is no such file"):
        list(csv_rows(tmp_path / "absent.csv"))


def test_the_real_sets_are_as_their_readme_says(shared_data: Path) -> None:
    posts = training_posts(shared_data, None)
    assert dict(posts["set"].value_counts().iter_rows()) == {GOLD: 893, SILVER: 2966}
    # and every class of every head is there to be learnt
    for head, values in LABEL_HEADS.items():
        assert set(posts[head]) == set(values)
