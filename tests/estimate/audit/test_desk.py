"""The audit's desk: what is drawn goes out masked, what people say comes back once, and removals reach it."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from barometer.errors import BadInput
from barometer.estimate.audit.desk import agreements, send_out, take_in, to_label
from barometer.night import Night
from barometer.tables import LABEL_HEADS
from tests.estimate.fielded import put, put_posts
from tests.estimate.made import voices
from tests.rows import NIGHT
from tests.towns import a_night

POSTS = 12
SAID = {"trust": "distrust", "target": "health", "rumour": "none", "hostile": "no"}


def pseudonym(kind: str, value: str) -> str:
    return f"{kind}:{value}"


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night whose audit drew twelve posts."""
    (tmp_path / "city").mkdir()
    made = a_night(tmp_path, NIGHT)
    posts = voices(POSTS, distrusting=4)
    put_posts(made, posts)
    put(made, "audit_sample", *({"post": post["post"], "stratum": "a", "inclusion": 0.5} for post in posts))
    return made


def filled(path: Path, *labellers: str, posts: int = POSTS, **changes: str) -> Path:
    """The exported file as people would fill it in."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))[:posts]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"labeller": labeller} | SAID | changes for labeller in labellers for row in rows)
    return path


def labels(night: Night) -> pl.DataFrame:
    return night.lake.read("audit_labels").collect()


def test_every_post_drawn_goes_out_with_its_masked_text(night: Night, tmp_path: Path) -> None:
    assert send_out(night, tmp_path / "out" / "audit.csv", form="csv") == POSTS
    with (tmp_path / "out" / "audit.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["post"] for row in rows] == to_label(night)["post"].to_list()
    assert {row["text"] for row in rows} == {"x"}
    assert {row[head] for row in rows for head in LABEL_HEADS} == {""}


def test_label_studio_gets_its_tasks(night: Night, tmp_path: Path) -> None:
    send_out(night, tmp_path / "audit.json", form="label-studio")
    assert len(json.loads((tmp_path / "audit.json").read_text("utf-8"))) == POSTS


def test_labels_come_back_under_pseudonyms(night: Night, tmp_path: Path) -> None:
    send_out(night, tmp_path / "audit.csv", form="csv")
    found = take_in(night, filled(tmp_path / "audit.csv", "ann", "bob"), pseudonym=pseudonym)
    assert found.problems == ()
    assert labels(night).height == POSTS * 2 * len(LABEL_HEADS)
    assert set(labels(night)["labeller"]) == {"labeller:ann", "labeller:bob"}
    assert set(labels(night)["synthetic"]) == {True}


def test_a_file_may_be_read_twice(night: Night, tmp_path: Path) -> None:
    send_out(night, tmp_path / "audit.csv", form="csv")
    file = filled(tmp_path / "audit.csv", "ann")
    take_in(night, file, pseudonym=pseudonym)
    before = labels(night)
    take_in(night, file, pseudonym=pseudonym)
    assert labels(night).equals(before)


def test_what_is_labelled_is_not_asked_again(night: Night, tmp_path: Path) -> None:
    send_out(night, tmp_path / "audit.csv", form="csv")
    take_in(night, filled(tmp_path / "audit.csv", "ann", posts=5), pseudonym=pseudonym)
    assert to_label(night).height == POSTS - 5


def test_nothing_to_label_is_said_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nothing to label for testville .* run a night first"):
        send_out(a_night(tmp_path), tmp_path / "audit.csv", form="csv")


def test_a_row_that_cannot_be_used_is_named_and_the_others_are_kept(night: Night, tmp_path: Path) -> None:
    send_out(night, tmp_path / "audit.csv", form="csv")
    file = filled(tmp_path / "audit.csv", "ann")
    text = file.read_text("utf-8").replace("distrust,health", "dunno,health", 1)
    file.write_text(text, "utf-8")
    found = take_in(night, file, pseudonym=pseudonym)
    assert len(found.problems) == 1
    assert "audit.csv" in found.problems[0]
    assert "dunno" in found.problems[0]
    assert labels(night)["post"].n_unique() == POSTS - 1


def test_agreement_is_said_by_label(night: Night, tmp_path: Path) -> None:
    send_out(night, tmp_path / "audit.csv", form="csv")
    text = filled(tmp_path / "audit.csv", "ann", "bob").read_text("utf-8")
    lines = text.splitlines()
    # Half of the posts are something else, to both: labels that never differ have no alpha.
    other = [line.replace("distrust,health", "none,none") if number % 2 else line for number, line in enumerate(lines)]
    (tmp_path / "audit.csv").write_text("\n".join(other) + "\n", "utf-8")
    take_in(night, tmp_path / "audit.csv", pseudonym=pseudonym)
    found = agreements(night)
    assert set(found) == set(LABEL_HEADS)
    assert found["trust"].alpha == pytest.approx(1.0)
    assert found["hostile"].reason


def test_a_removed_post_takes_its_labels_along(night: Night, tmp_path: Path) -> None:
    send_out(night, tmp_path / "audit.csv", form="csv")
    take_in(night, filled(tmp_path / "audit.csv", "ann"), pseudonym=pseudonym)
    gone = night.lake.read("posts").collect()["post"][0]
    night.lake.remove("posts", pl.DataFrame({"post": [gone]}))
    assert gone not in labels(night)["post"].to_list()
    assert gone not in night.lake.read("audit_sample").collect()["post"].to_list()
    assert labels(night)["post"].n_unique() == POSTS - 1


def test_a_later_night_sees_what_an_earlier_one_drew(night: Night) -> None:
    assert to_label(replace(night, night=date(2026, 6, 1))).height == POSTS
    assert to_label(replace(night, night=date(2026, 1, 1))).is_empty()
