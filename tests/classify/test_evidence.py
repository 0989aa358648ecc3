"""Rumours beside a city's evidence library: reading it, refusing it, matching, and the figures on real questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.classify.evidence import (
    MATCHES,
    VECTORS,
    Evidence,
    readable,
    suggest_evidence,
    terms,
)
from barometer.classify.rumours import group_rumours
from barometer.classify.sentences import NETWORK, SentenceEncoder
from barometer.errors import BadInput
from barometer.library import LIBRARY, read_library
from barometer.night import Night
from benchmarks import bench_evidence
from tests.classify.made import a_night_with_model, put_claims
from tests.classify.shipped_sentences import linked, shipped_sentences
from tests.libraries import HEADER, LINE, SAMPLE, written


def a_library(*claims: tuple[str, str]) -> pl.DataFrame:
    """Claims of (id, claim)."""
    plain = dict.fromkeys(LIBRARY, "x")
    return pl.DataFrame([{**plain, "id": id_, "claim": claim, "title": None} for id_, claim in claims], schema=LIBRARY)


SMALL = a_library(
    ("library", "The library on Mill Lane will close and be sold for flats"),
    ("water", "The tap water is contaminated with lead"),
    ("bins", "Bins will be emptied every four weeks"),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("so true http @user #MillLane", "so true Mill Lane MillLane"),
        ("A &amp; B pic.twitter.com/abc https://x.example/y", "A & B"),
        ("It closes — Some One (@someone) January 6, 2020", "It closes"),
        ("[name] said it", "said it"),
        ("", ""),
    ],
)
def test_a_post_is_brought_to_its_words(text: str, expected: str) -> None:
    assert readable(text) == expected


def test_terms_are_words_and_numbers_without_endings() -> None:
    assert terms("The closing of 3 libraries, isn't it?") == ["clos", "3", "librar", "isn't"]


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("they're selling the library on mill lane for flats", "library"),
        ("lead in our tap water!! dont drink", "water"),
        ("bins only every four weeks now, apparently", "bins"),
    ],
)
def test_a_post_finds_the_claim_it_repeats(text: str, claim: str) -> None:
    found = Evidence(SMALL).match([text])
    assert found["id"][0] == claim
    assert found["rank"].to_list() == [1, 2, 3]
    assert found["score"].is_sorted(descending=True)


def test_how_much_of_a_claim_is_repeated_tells_a_match_from_the_merely_nearest() -> None:
    evidence = Evidence(SMALL)
    repeated = evidence.match(["the tap water is contaminated with lead"])
    unrelated = evidence.match(["lovely evening on the moor with the dogs, no water left"])
    assert repeated["share_of_claim"][0] == pytest.approx(1.0)
    assert unrelated["share_of_claim"][0] < 0.5


def test_nothing_asked_or_nothing_known_is_no_match() -> None:
    assert Evidence(SMALL).match([]).equals(pl.DataFrame(schema=MATCHES))
    assert Evidence(SMALL.clear()).match(["library"]).equals(pl.DataFrame(schema=MATCHES))


@given(st.lists(st.text(max_size=60), min_size=1, max_size=4))
def test_any_text_gets_its_matches_and_no_other_text_changes_them(texts: list[str]) -> None:
    evidence = Evidence(SMALL)
    together = evidence.match(texts)
    assert together.height == 3 * len(texts)
    assert together["score"].is_between(0, 1).all()
    alone = evidence.match(texts[-1:])
    assert together.filter(pl.col("question") == len(texts) - 1).drop("question").equals(alone.drop("question"))


class Meaning:
    """An embedder by table: what speaks of reading points one way, the rest another."""

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        reads = ("library", "books", "borrow")
        return np.array([(1.0, 0.0) if any(w in text for w in reads) else (0.0, 1.0) for text in texts], np.float32)


def test_an_embedder_finds_what_shares_no_word() -> None:
    text = "nowhere left to borrow books"
    found = Evidence(SMALL, Meaning()).match([text])
    assert found["id"][0] == "library"
    assert found["score"][0] > found["score"][1]


def test_a_citys_rumours_get_suggestions_with_verdict_and_link(tmp_path: Path) -> None:
    # given two rumours, of which the library knows one
    plain = a_night_with_model(tmp_path)
    night = replace(plain, city=replace(plain.city, folder=written(tmp_path / "city", HEADER + LINE)))
    put_claims(
        night,
        {"post": "a", "text": "apparently the library will close", "author": "ann"},
        {"post": "b", "text": "lead in the tap water round Beckside", "author": "bob"},
    )
    group_rumours(night)
    (found,) = suggest_evidence(night).to_dicts()
    assert (found["id"], found["rank"], found["verdict"]) == ("library-2026", 1, "false")
    assert found["link"] == "https://example.org/a"


def a_night_with_a_rumour(tmp_path: Path, text: str) -> Night:
    """A night with a rumour and a library of one claim about a library; its models have no sentence encoder yet."""
    plain = a_night_with_model(tmp_path)
    night = replace(plain, city=replace(plain.city, folder=written(tmp_path / "city", HEADER + LINE)))
    put_claims(night, {"post": "a", "text": text, "author": "ann"})
    group_rumours(night)
    return night


def test_meaning_is_compared_by_default_where_the_encoder_is(tmp_path: Path) -> None:
    # given a rumour that repeats a claim
    night = a_night_with_a_rumour(tmp_path, "apparently they are shutting the library, it will close for good")
    by_words = suggest_evidence(night)
    linked(night.settings.models)
    # when the encoder comes
    by_meaning = suggest_evidence(night)
    # then it is asked without being told to, and the claims' vectors stay beside the lake
    assert by_meaning["id"].to_list() == by_words["id"].to_list() == ["library-2026"]
    assert by_meaning["score"][0] != by_words["score"][0]
    assert by_meaning.equals(suggest_evidence(night, embedder=shipped_sentences()))
    assert [path.name for path in (night.settings.home / VECTORS).iterdir()] == [f"{night.city.id}.npz"]


def test_the_second_night_reads_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    night = a_night_with_a_rumour(tmp_path, "apparently the library will close")
    linked(night.settings.models)
    first = suggest_evidence(night)
    read: list[str] = []
    embed = SentenceEncoder.embed

    def counted(encoder: SentenceEncoder, texts: Sequence[str]) -> np.ndarray:
        read.extend(texts)
        return embed(encoder, texts)

    monkeypatch.setattr(SentenceEncoder, "embed", counted)
    assert suggest_evidence(night).equals(first)
    assert read == [".", "apparently the library will close"]


def test_a_damaged_encoder_is_told_in_one_line(tmp_path: Path) -> None:
    night = a_night_with_a_rumour(tmp_path, "apparently the library will close")
    (linked(night.settings.models) / NETWORK).unlink()
    with pytest.raises(BadInput, match=r"^model sentences, file model.onnx: is missing .*$"):
        suggest_evidence(night)


def test_a_night_without_rumours_has_no_suggestions(tmp_path: Path) -> None:
    assert suggest_evidence(a_night_with_model(tmp_path)).is_empty()


def test_the_sample_citys_stories_find_their_evidence() -> None:
    # given what people write of stories that the library knows
    posts = pl.read_ndjson(SAMPLE / "written_posts.jsonl").filter(pl.col("rumour") != "none", pl.col("lang") == "en")
    stories = {"library-closure": "synthetic-library-closure", "water-contaminated": "synthetic-water-contaminated"}
    asked = posts.filter(pl.col("story").is_in(list(stories)))
    found = Evidence(read_library(SAMPLE)).match(asked["text"].to_list()).filter(pl.col("rank") <= 3)
    right = found.with_columns(story=asked["story"].gather(found["question"]).replace_strict(stories))
    hits = right.filter(pl.col("id") == pl.col("story"))["question"].n_unique()
    # then most find it among the first three of ten
    assert hits / asked.height >= 0.6


def test_real_questions_find_their_claims_better_than_by_bm25_alone(shared_data: Path) -> None:
    # given the test questions of CLEF-2020, on which nothing was chosen
    folder = shared_data / bench_evidence.SET
    library = bench_evidence.library(folder)
    texts, right = bench_evidence.questions(folder, "test", {claim: row for row, claim in enumerate(library["id"])})
    found = Evidence(library).match(texts)
    place = {claim: row for row, claim in enumerate(library["id"])}
    ranked = [[place[claim] for claim in part["id"]] for _, part in found.group_by("question", maintain_order=True)]
    # then MAP@5 is beyond BM25's .840
    assert bench_evidence.map_at_5(ranked, right) >= 0.89


def test_meaning_finds_more_of_the_claims_of_real_questions(shared_data: Path) -> None:
    # given the test questions and a part of the library that holds all their claims
    folder = shared_data / bench_evidence.SET
    library = bench_evidence.library(folder)
    texts, right = bench_evidence.questions(folder, "test", {claim: row for row, claim in enumerate(library["id"])})
    kept = sorted(set().union(*right) | set(range(0, library.height, 30)))
    part, place = library[kept], {row: number for number, row in enumerate(kept)}
    asked = (texts, [{place[row] for row in rows} for rows in right])
    places = {claim: row for row, claim in enumerate(part["id"])}
    # then meaning finds more of them than words do, as it does among all claims
    by_words = bench_evidence.as_shipped(Evidence(part), places, asked)
    by_meaning = bench_evidence.as_shipped(Evidence(part, shipped_sentences()), places, asked)
    assert by_meaning >= by_words + 0.01
    assert by_meaning >= 0.95


def test_average_precision_counts_the_rank_of_what_is_right() -> None:
    assert bench_evidence.map_at_5([[1, 2, 3], [4, 5, 6]], [{2}, {4}]) == pytest.approx((0.5 + 1.0) / 2)
    assert bench_evidence.map_at_5([[1, 2, 3]], [{9}]) == 0.0
