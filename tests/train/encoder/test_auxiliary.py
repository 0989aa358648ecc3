"""Readers of public sets: what they give, what they never read, and what is said when a file is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from barometer.errors import BadInput
from barometer.train.encoder.auxiliary import (
    TASKS,
    auxiliary_posts,
    rumour_stances,
    sentiment_texts,
    tweeteval_part,
)
from tests.train.encoder.tiny import a_full_data_folder

BY_NAME = {task.name: task for task in TASKS}


@pytest.fixture(scope="module")
def posts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data, _ = a_full_data_folder(tmp_path_factory.mktemp("data"))
    return data / "posts"


@pytest.mark.parametrize("task", TASKS, ids=BY_NAME)
def test_every_task_gives_texts_with_its_own_classes(posts: Path, task: object) -> None:
    rows = list(BY_NAME[task.name].read(posts))  # type: ignore[attr-defined]
    assert rows
    assert {label for _, label in rows} <= set(task.classes)  # type: ignore[attr-defined]
    assert all(text for text, _ in rows)


@pytest.mark.parametrize("task", TASKS, ids=BY_NAME)
def test_every_task_says_its_licence(task: object) -> None:
    assert task.licence  # type: ignore[attr-defined]


def test_no_test_part_is_read(posts: Path) -> None:
    texts = auxiliary_posts(posts, seed=1)["text"]
    assert not [text for text in texts if text.startswith("test ")]
    assert [text for text in texts if text.startswith("train hate")]


def test_hatecheck_and_checkworthiness_are_no_tasks() -> None:
    assert not {"hatecheck", "clef2024", "checkworthy"} & {task.name for task in TASKS}


def test_a_task_with_more_posts_than_its_most_is_drawn_from_the_same_way_every_time(posts: Path) -> None:
    first, again, other = (auxiliary_posts(posts, seed=seed) for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)
    assert all(first.filter(first["task"] == task.name).height <= task.most for task in TASKS)


def test_escaped_apostrophes_of_the_sentiment_files_are_read(posts: Path) -> None:
    rows = list(BY_NAME["sentiment"].read(posts))
    assert all(text.startswith("I’ve") for text, _ in rows)
    assert sentiment_texts(posts)[0].startswith("I’ve")


def test_a_part_of_a_tweeteval_task_can_be_read_alone(posts: Path) -> None:
    rows = list(tweeteval_part(posts, "emotion", "test", ("anger", "joy", "optimism", "sadness")))
    assert [label for _, label in rows[:4]] == ["anger", "joy", "optimism", "sadness"]
    assert all(text.startswith("test emotion") for text, _ in rows)


def test_a_tweet_without_a_stance_is_left_out(posts: Path) -> None:
    assert len(list(rumour_stances(posts, "train"))) == 12
    path = posts / "rumoureval2017" / "train-annotations" / "subtaskA.json"
    before = path.read_text(encoding="utf-8")
    path.write_text('{"100": "support", "999": "deny"}', encoding="utf-8")
    assert [label for _, label in rumour_stances(posts, "train")] == ["support"]
    path.write_text(before, encoding="utf-8")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"train_text\.txt: there is no such file"):
        list(BY_NAME["offensive"].read(tmp_path))


def test_the_real_sets_have_the_sizes_that_are_known_of_them(shared_data: Path) -> None:
    sizes = {
        name: sum(1 for _ in BY_NAME[name].read(shared_data / "posts")) for name in ("hate", "offensive", "davidson")
    }
    assert sizes == {"hate": 9_000 + 1_000, "offensive": 11_916 + 1_324, "davidson": 24_783}
