"""Labels made for training find their posts by their texts, and tell of no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadInput
from barometer.tables import LABEL_HEADS
from barometer.train.annotated import ANNOTATED, FILE, annotated_posts, digest
from barometer.train.data import SCHEMA, csv_rows
from barometer.train.encoder.auxiliary import public_texts, sentiment_texts
from tests.train.made import write_rows

LABELS = {"trust": "trust", "target": "health", "rumour": "none", "hostile": "no"}


def test_labels_are_put_back_on_the_posts_that_are_there(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.csv", [{"digest": digest(text), **LABELS} for text in ("one", "two", "three")])
    found = annotated_posts(("three", "four", "one", "one"), tmp_path / "a.csv")
    assert found["text"].to_list() == ["one", "three"]
    assert dict(found.schema) == SCHEMA
    assert found.select(*LABELS).unique().row(0, named=True) == LABELS
    assert set(found["set"]) == {ANNOTATED}


def test_a_file_of_posts_that_nobody_has_is_refused(tmp_path: Path) -> None:
    write_rows(tmp_path / "a.csv", [{"digest": digest("one"), **LABELS}])
    with pytest.raises(BadInput, match="none of its 1 posts is in the public sets"):
        annotated_posts(("other",), tmp_path / "a.csv")


@pytest.mark.parametrize("head", LABEL_HEADS)
def test_a_label_outside_the_guide_is_refused_with_its_line(tmp_path: Path, head: str) -> None:
    rows = [{"digest": digest("one"), **LABELS}, {"digest": digest("two"), **LABELS, head: "perhaps"}]
    write_rows(tmp_path / "a.csv", rows)
    with pytest.raises(BadInput, match=f"a.csv, line 3, field {head}: is 'perhaps'"):
        annotated_posts(("one", "two"), tmp_path / "a.csv")


@given(st.text(), st.text())
def test_a_digest_is_of_one_text_alone(one: str, other: str) -> None:
    assert (digest(one) == digest(other)) == (one == other)
    assert re.fullmatch("[0-9a-f]{16}", digest(one))


def test_the_files_own_labels_follow_the_guide_and_hold_no_text() -> None:
    rows = list(csv_rows(FILE))
    assert len({row["digest"] for row in rows}) == len(rows) == 3_342
    for row in rows:
        assert set(row) == {"digest", *LABEL_HEADS}
        assert re.fullmatch("[0-9a-f]{16}", row["digest"])
        assert all(row[head] in values for head, values in LABEL_HEADS.items())
        assert (row["trust"] == "none") == (row["target"] == "none")


def test_all_of_its_posts_are_in_the_public_sets(shared_data: Path) -> None:
    posts = shared_data / "posts"
    assert annotated_posts((*public_texts(posts), *sentiment_texts(posts))).height == 3_342
