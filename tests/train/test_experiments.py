"""The table of experiments: one row an option, the chosen recipe first."""

from __future__ import annotations

import re

import pytest

from barometer.settings import PROJECT
from barometer.train import experiments
from barometer.train.experiments import CHOSEN, OPTIONS, compare
from barometer.train.fit import Recipe
from tests.train.made import frame, many


def test_the_chosen_recipe_is_the_one_that_is_trained() -> None:
    assert OPTIONS["chosen"] == CHOSEN == Recipe()
    assert sum(recipe == CHOSEN for recipe in OPTIONS.values()) == 1


def test_every_option_has_a_row_of_scores_by_head_and_set(monkeypatch: pytest.MonkeyPatch) -> None:
    # given two options and posts of all sets
    monkeypatch.setattr(experiments, "OPTIONS", {name: OPTIONS[name] for name in ("chosen", "no characters")})
    sets = ("gold", "silver", "sample")
    posts = frame(*(post for n, name in enumerate(sets) for post in many(n * 200, 120, set=name)))
    # when they are compared
    lines = compare(posts, seed=1).splitlines()
    # then each has a row, and so has leaving names unmasked
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| chosen", "| no characters", "| names not masked"]
    assert all(len(re.findall(r"0\.\d{3}|1\.000", line)) == 13 for line in lines[2:])


def test_the_kept_table_has_every_option() -> None:
    text = (PROJECT / "models" / "linear" / "experiments.md").read_text("utf-8")
    assert all(f"| {name} |" in text for name in (*OPTIONS, "names not masked"))
