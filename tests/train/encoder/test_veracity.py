"""PHEME, one event left out at a time: nothing of an event is known when it is judged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from barometer.errors import BadInput
from barometer.train.encoder.veracity import CLASSES, left_out, rumour_sources, veracity
from tests.classify.few_scores import an_encoder
from tests.train.encoder.tiny import a_full_data_folder

Rows = NDArray[np.intp]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return a_full_data_folder(tmp_path_factory.mktemp("data"))[0] / "posts" / "pheme_rumour_sources"


def test_first_posts_come_with_their_event_and_what_became_of_them(folder: Path) -> None:
    posts = rumour_sources(folder)
    assert posts["event"].value_counts().sort("event").rows() == [("fire", 6), ("flood", 6)]
    assert set(posts["veracity"]) == set(CLASSES)


def test_a_folder_without_rumours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="put PHEME's rumours there"):
        rumour_sources(tmp_path)


def test_every_event_is_judged_by_what_learnt_from_the_others_alone() -> None:
    events = np.array(["a", "b", "a", "c", "b"])
    seen: list[tuple[set[str], set[str]]] = []

    def classifier(learn: Rows, judge: Rows) -> Rows:
        seen.append((set(events[learn]), set(events[judge])))
        return judge % 3

    assert left_out(events, classifier).tolist() == [0, 1, 2, 0, 1]
    assert seen == [({"b", "c"}, {"a"}), ({"a", "c"}, {"b"}), ({"a", "b"}, {"c"})]


def test_words_that_say_it_are_found_over_events_and_a_blind_encoder_finds_nothing(folder: Path) -> None:
    figures = veracity(an_encoder()[0], folder)
    assert figures["posts"] == 12
    assert figures["words"] == 1.0
    assert figures["encoder"] < 1.0
    assert set(figures["by_event"]) == {"fire", "flood"}
    assert figures["by_event"]["fire"] == {"posts": 6, "encoder": figures["by_event"]["fire"]["encoder"], "words": 1.0}


def test_the_real_set_has_its_nine_events(shared_data: Path) -> None:
    posts = rumour_sources(shared_data / "posts" / "pheme_rumour_sources")
    assert posts.height == 2_402
    assert posts["event"].n_unique() == 9
