"""The card: every figure in its place, every data set named, and what the model must not be used for."""

from __future__ import annotations

from typing import Any

import pytest

from barometer.classify.linear import FITTED_CLASSES
from barometer.classify.manifest import Manifest
from barometer.tables import LABEL_HEADS
from barometer.train.card import DATA_SETS, card
from barometer.train.external import WATCHED_FUNCTIONS

MANIFEST = Manifest(name="linear", kind="linear", version="0123456789abcdef", heads={}, files={}, settings={})


def a_score(value: float, posts: int = 50) -> dict[str, Any]:
    return {"macro_f1": value, "lower": value - 0.05, "upper": value + 0.05, "posts": posts}


def a_head(head: str, value: float) -> dict[str, Any]:
    classes = {
        name: {"f1": value, "precision": value, "recall": None if name == "none" else value, "posts": 9}
        for name in LABEL_HEADS[head]
    }
    return {
        "all": a_score(value) | {"classes": classes},
        "by_set": {"gold": a_score(value - 0.01), "sample": a_score(value + 0.01)},
        "by_source": {"semeval": a_score(value - 0.02, posts=31), "hateval": a_score(value + 0.02, posts=19)},
    }


def some_metrics(**changes: Any) -> dict[str, Any]:
    """Figures of the right shape, each different enough to be found in the card."""
    plain = {
        "posts": {"learnt_from": {"gold": 700, "silver": 2900}, "held_out": {"gold": 193}, "left_out": {}},
        "terms": {"words": 9408, "characters": 24480},
        "cross_validated": {head: a_head(head, 0.5 + n / 10) for n, head in enumerate(LABEL_HEADS)},
        "held_out": {head: a_head(head, 0.55 + n / 10) for n, head in enumerate(LABEL_HEADS)},
        "calibration_held_out": {
            head: {"before": 0.123, "after": 0.045, "temperature": 0.9, "posts": 77} for head in FITTED_CLASSES
        },
        "unseen_events": {"events": 22, "heads": {head: {"gold": a_score(0.44, posts=183)} for head in LABEL_HEADS}},
        "hatecheck": {
            "cases": 3728,
            "macro_f1": 0.4258,
            "accuracy": 0.4321,
            "accuracy_hateful": 0.238,
            "accuracy_not_hateful": 0.8592,
            "by_functionality": {
                name: {"cases": 100, "accuracy": 0.75} for name in ("slur_h", *WATCHED_FUNCTIONS, "threat_dir_h")
            },
            "by_group": {"women": {"cases": 509, "accuracy": 0.4892}},
        },
        "viratrust": a_score(0.328, posts=864),
        "tweeteval_hate": a_score(0.647, posts=2762),
    }
    return plain | changes


def the_card(**changes: Any) -> str:
    return card(some_metrics(**changes), MANIFEST)


def rows_of(text: str, heading: str) -> list[list[str]]:
    """Cells of the rows of the table under a heading, without its head."""
    part = text.split(heading, 1)[1]
    lines = part.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("| ---"))
    rows = []
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_the_card_names_the_model_and_its_version() -> None:
    assert the_card().startswith("# Model card: linear\n\nVersion `0123456789abcdef`")


def test_every_data_set_has_its_role_and_licence() -> None:
    assert rows_of(the_card(), "## Data") == [list(row) for row in DATA_SETS]
    assert all(all(cell for cell in row) for row in DATA_SETS)


def test_hatecheck_is_named_as_test_only() -> None:
    (row,) = [row for row in DATA_SETS if row[0] == "HateCheck"]
    assert row[1] == "test only, never learnt from or tuned on"
    assert "## HateCheck (test only)" in the_card()


def test_posts_are_told_by_set_and_use_with_none_where_there_are_none() -> None:
    text = the_card()
    assert "| learnt from | 700 | 2900 |" in text
    assert "| held out | 193 | 0 |" in text
    assert "| left out | 0 | 0 |" in text


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        ("Five-fold cross-validation:", ["trust", "0.500 (0.450–0.550)", "0.490 (0.440–0.540)", "0.510 (0.460–0.560)"]),
        ("Held out (", ["trust", "0.550 (0.500–0.600)", "0.540 (0.490–0.590)", "0.560 (0.510–0.610)"]),
        ("saw nothing of it", ["trust", "0.440 (0.390–0.490), n 183"]),
        ("By source, cross", ["semeval", "31", "0.480 (0.430–0.530)"]),
        ("## Calibration", ["trust", "77", "0.9", "0.123", "0.045"]),
    ],
)
def test_figures_stand_in_their_table_with_their_intervals(heading: str, expected: list[str]) -> None:
    assert rows_of(the_card(), heading)[0][: len(expected)] == expected


def test_every_class_of_every_head_has_a_row() -> None:
    rows = rows_of(the_card(), "By class")
    assert [tuple(row[:2]) for row in rows] == [
        (head, value) for head, values in LABEL_HEADS.items() for value in values
    ]


def test_a_figure_that_does_not_exist_is_a_dash() -> None:
    row = next(row for row in rows_of(the_card(), "By class") if row[:2] == ["trust", "none"])
    assert row[3] == "0.500 / –"


def test_what_would_penalise_minorities_comes_first_and_bold() -> None:
    rows = rows_of(the_card(), "## HateCheck")
    assert [row[0] for row in rows] == [*(f"**{name}**" for name in WATCHED_FUNCTIONS), "slur_h", "threat_dir_h"]


def test_without_known_events_the_table_of_unseen_events_is_empty() -> None:
    text = the_card(unseen_events={"events": 0, "heads": {head: {} for head in LABEL_HEADS}})
    assert "Posts about one of 0 events" in text
    assert rows_of(text, "saw nothing of it")[0] == ["trust"]


@pytest.mark.parametrize(
    "said",
    [
        "**Not for**: deciding anything about a post, a person or a group",
        "any language but\nEnglish",
        "The label `target` is `none` exactly when the label `trust` is.",
        "audited sample",
        "No post is in this folder.",
        "Hostility must not be published by neighbourhood from this model alone.",
        "VIRATrust, 4 classes, macro-F1 .710",
    ],
)
def test_the_card_says_what_a_user_must_know(said: str) -> None:
    assert said in the_card()


def test_the_card_ends_its_tables_and_lines_cleanly() -> None:
    text = the_card()
    assert text.endswith("\n")
    assert not [line for line in text.splitlines() if line != line.rstrip()]
    widths = [{len(row) for row in rows_of(text, heading)} for heading in ("## Data", "By class", "By source, cross")]
    assert all(len(width) == 1 for width in widths)
