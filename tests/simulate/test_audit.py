"""Simulated labellers: two, who mostly agree with what was meant, and know only texts that were written."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from barometer.city import City, load_city
from barometer.errors import BadConfiguration
from barometer.estimate.audit.files import read_csv
from barometer.settings import PROJECT
from barometer.simulate.audit import LABELLERS, SLIP_SHARE, label_audit
from barometer.simulate.origin import written_posts
from barometer.tables import LABEL_HEADS


def unmasked(texts: Sequence[str]) -> list[str]:
    return list(texts)


def shouted(texts: Sequence[str]) -> list[str]:
    return [text.upper() for text in texts]


def drawn(city: City, size: int) -> pl.DataFrame:
    """Written posts as the audit would draw them."""
    texts = written_posts(city)["text"].unique(maintain_order=True).head(size).to_list()
    return pl.DataFrame({"post": [f"{number:032x}" for number in range(len(texts))], "text": texts})


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_both_label_every_post_they_know(sample_city: City, tmp_path: Path) -> None:
    count = label_audit(drawn(sample_city, 50), tmp_path / "a.csv", city=sample_city, seed=1, mask=unmasked)
    labelled = rows(tmp_path / "a.csv")
    assert count == 50
    assert len(labelled) == 50 * len(LABELLERS)
    assert {row["labeller"] for row in labelled} == set(LABELLERS)


def test_a_text_is_known_again_through_the_door(sample_city: City, tmp_path: Path) -> None:
    posts = drawn(sample_city, 20).with_columns(pl.col("text").str.to_uppercase())
    assert label_audit(posts, tmp_path / "a.csv", city=sample_city, seed=1, mask=shouted) == 20
    assert label_audit(posts, tmp_path / "b.csv", city=sample_city, seed=1, mask=unmasked) == 0
    assert rows(tmp_path / "b.csv") == []


def test_what_they_say_is_mostly_what_was_meant(sample_city: City, tmp_path: Path) -> None:
    posts = drawn(sample_city, 600)
    label_audit(posts, tmp_path / "a.csv", city=sample_city, seed=1, mask=unmasked)
    said = pl.DataFrame(rows(tmp_path / "a.csv")).drop("text")
    meant = written_posts(sample_city).unique("text", keep="first", maintain_order=True)
    both = said.join(posts, on="post").join(meant, on="text", suffix="_meant")
    for head in LABEL_HEADS:
        agree = (both[head] == both[f"{head}_meant"]).mean()
        assert 1 - 3 * SLIP_SHARE < agree < 1, head


def test_the_guide_is_kept_and_the_file_can_be_read_back(sample_city: City, tmp_path: Path) -> None:
    posts = drawn(sample_city, 300)
    label_audit(posts, tmp_path / "a.csv", city=sample_city, seed=3, mask=unmasked)
    found = read_csv(tmp_path / "a.csv", known=set(posts["post"]))
    assert found.problems == ()
    assert found.labels.height == 300 * len(LABELLERS) * len(LABEL_HEADS)


def test_the_same_seed_gives_the_same_labels_and_another_gives_others(sample_city: City, tmp_path: Path) -> None:
    posts = drawn(sample_city, 200)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        label_audit(
            posts.sample(fraction=1, shuffle=True, seed=seed),
            tmp_path / name,
            city=sample_city,
            seed=seed,
            mask=unmasked,
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert (tmp_path / "a").read_bytes() != (tmp_path / "c").read_bytes()


def test_no_text_is_written_again(sample_city: City, tmp_path: Path) -> None:
    label_audit(drawn(sample_city, 30), tmp_path / "a.csv", city=sample_city, seed=1, mask=unmasked)
    assert {row["text"] for row in rows(tmp_path / "a.csv")} == {""}


def test_a_real_city_has_no_simulated_labellers(tmp_path: Path) -> None:
    bradford = load_city("bradford", PROJECT / "configs")
    with pytest.raises(BadConfiguration):
        label_audit(pl.DataFrame({"post": [], "text": []}), tmp_path / "a", city=bradford, seed=1, mask=unmasked)
