"""The audit reaches the number: shares are corrected by what people say, or say why they are not."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from barometer.city import City
from barometer.estimate.correct import (
    AUDITS_SCHEMA,
    MOST_PER_NIGHT,
    SHARE_PER_NIGHT,
    Audited,
    draw,
    in_strata,
)
from barometer.estimate.posts import corrected_posts, estimate_posts
from barometer.indicators import WHOLE_CITY
from barometer.tables import TABLES
from tests.estimate.made import BLOCK_END, INDICATORS, labelled, periods_of, post
from tests.estimate.wide_town import make_widetown

DISTRUST = "posts_distrust_share"
SIZE = 12
VOICES = 1_200
NIGHT = date(2026, 5, 9)
TRUE_SHARE = 0.3


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> City:
    return make_widetown(tmp_path_factory.mktemp("town"), size=SIZE)


def spoken(*, missed: float = 0.0, invented: float = 0.0, seed: int = 1) -> tuple[pl.DataFrame, dict[str, str]]:
    """Posts of as many authors over the town, and what each truly says; the classifier misses and invents some."""
    random = np.random.default_rng(seed)
    posts: list[dict[str, Any]] = []
    truth: dict[str, str] = {}
    for number in range(VOICES):
        is_distrust = random.random() < TRUE_SHARE
        says = random.random() > missed if is_distrust else random.random() < invented
        sure = 0.95 if random.random() < 0.5 else 0.7
        said = "distrust" if says else "none"
        target = "health" if says else "none"
        probabilities = {"trust_trust": 0.0, "trust_distrust": 1 - sure, "trust_none": 1 - sure} | {
            f"trust_{said}": sure
        }
        made = post(number, f"a{number}", area=f"A{number % SIZE:02}", trust=said, target=target)
        posts.append(made | probabilities | {"language": "en", "night": NIGHT})
        truth[made["post"]] = "distrust" if is_distrust else "none"
    return labelled(*posts), truth


def people_say(sample: pl.DataFrame, truth: dict[str, str], *labellers: str) -> pl.DataFrame:
    """Rows of `audit_labels`: what people say of the posts drawn."""
    rows = [
        {"post": name, "labeller": labeller, "head": "trust", "label": truth[name]}
        for name in sample["post"]
        for labeller in labellers
    ]
    schema = {"post": pl.String, "labeller": pl.String, "head": pl.String, "label": pl.String}
    return pl.DataFrame(rows, schema=schema)


def corrected(town: City, posts: pl.DataFrame, audited: Audited) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Cells as counted, as corrected, and what the audit did."""
    indicators = [INDICATORS[DISTRUST]]
    rows = in_strata(posts, town)
    counted = estimate_posts(rows, city=town, indicators=indicators, periods=periods_of(DISTRUST)).found
    found, audits = corrected_posts(counted, rows, audited, city=town, indicators=indicators)
    return counted, found, audits


def whole(cells: pl.DataFrame) -> dict[str, Any]:
    return cells.row(by_predicate=pl.col("geography") == WHOLE_CITY, named=True)


NOBODY = Audited(
    sample=pl.DataFrame(schema={"post": pl.String, "stratum": pl.String, "inclusion": pl.Float64}),
    labels=pl.DataFrame(schema={"post": pl.String, "labeller": pl.String, "head": pl.String, "label": pl.String}),
)


class TestDrawing:
    def test_it_draws_one_in_ten_and_never_more_than_an_hours_work(self, town: City) -> None:
        posts, _ = spoken()
        assert draw(posts.head(200), city=town, night=NIGHT).height == pytest.approx(200 * SHARE_PER_NIGHT, abs=1)
        many = pl.concat([posts.with_columns(pl.col("post", "author") + f"-{k}") for k in range(4)])
        assert draw(many, city=town, night=NIGHT).height == MOST_PER_NIGHT

    def test_the_same_posts_give_the_same_draw_in_any_order(self, town: City) -> None:
        posts, _ = spoken()
        shuffled = posts.sample(fraction=1.0, shuffle=True, seed=3)
        assert draw(posts, city=town, night=NIGHT).equals(draw(shuffled, city=town, night=NIGHT))

    def test_every_stratum_of_the_night_is_heard(self, town: City) -> None:
        posts, _ = spoken()
        drawn = draw(posts, city=town, night=NIGHT)
        assert set(drawn["stratum"]) == set(in_strata(posts, town)["stratum"])
        assert drawn["inclusion"].is_between(0, 1, closed="right").all()

    def test_a_night_without_posts_draws_none(self, town: City) -> None:
        posts, _ = spoken()
        assert draw(posts.clear(), city=town, night=NIGHT).is_empty()

    def test_neighbourhoods_are_grouped_by_what_they_are_like(self, town: City, tmp_path: Path) -> None:
        posts, _ = spoken()
        assert set(in_strata(posts, town)["area_group"]) == {"low", "middle", "high"}
        bare = make_widetown(tmp_path, size=SIZE, covariates=town.covariates.clear())
        assert set(in_strata(posts, bare)["area_group"]) == {"none"}


class TestCorrecting:
    def test_without_an_audit_the_share_is_as_counted_and_says_why(self, town: City) -> None:
        posts, _ = spoken(missed=0.4)
        counted, found, audits = corrected(town, posts, NOBODY)
        assert found.sort("area").equals(counted.sort("area"))
        assert audits["method"].to_list() == ["uncorrected"]
        assert audits["reason"].to_list() == ["no audited sample has been read back"]

    def test_a_classifier_that_misses_many_is_put_right(self, town: City) -> None:
        """Given many towns like it, the count is always short, and the corrected share right on average and inside."""
        off: dict[str, list[float]] = {"counted": [], "corrected": [], "local": []}
        for seed in range(8):
            posts, truth = spoken(missed=0.5, invented=0.02, seed=seed)
            sample = draw(posts, city=town, night=NIGHT)
            counted, found, audits = corrected(town, posts, Audited(sample, people_say(sample, truth, "ann", "bob")))
            true = sum(label == "distrust" for label in truth.values()) / VOICES
            off["counted"].append(whole(counted)["value"] - true)
            off["corrected"].append(whole(found)["value"] - true)
            off["local"].append(found.filter(pl.col("geography") == town.primary)["value"].mean() - true)  # type: ignore[operator]
            assert whole(found)["lower"] <= true <= whole(found)["upper"]
            assert whole(found)["method"] == "prevalence"
            assert audits.select("method", "agreement", "audited").row(0) == ("prevalence", 1.0, sample.height)
        assert max(off["counted"]) < -0.08
        assert abs(np.mean(off["corrected"])) < 0.03
        assert abs(np.mean(off["local"])) < 0.03

    def test_a_classifier_without_errors_is_left_as_it_is(self, town: City) -> None:
        posts, truth = spoken()
        sample = draw(posts, city=town, night=NIGHT)
        counted, found, _ = corrected(town, posts, Audited(sample, people_say(sample, truth, "ann")))
        assert whole(found)["value"] == pytest.approx(whole(counted)["value"], abs=1e-9)

    def test_the_interval_carries_the_classifiers_error(self, town: City) -> None:
        posts, truth = spoken(missed=0.4, invented=0.1)
        sample = draw(posts, city=town, night=NIGHT)
        counted, found, _ = corrected(town, posts, Audited(sample, people_say(sample, truth, "ann")))
        assert whole(found)["standard_error"] > whole(counted)["standard_error"]

    def test_no_correction_makes_voices_surer_than_plain_answers(self, town: City) -> None:
        posts, truth = spoken(missed=0.4, invented=0.05)
        sample = draw(posts, city=town, night=NIGHT)
        counted, found, _ = corrected(town, posts, Audited(sample, people_say(sample, truth, "ann")))
        key = ["geography", "area", "period_start"]
        both = found.join(counted.select(*key, counted_n="effective_n"), on=key)
        assert set(both["method"]) == {"prevalence"}
        assert (both["effective_n"] <= both["counted_n"] * (1 + 1e-9)).all()

    def test_too_few_labelled_posts_correct_nothing(self, town: City) -> None:
        posts, truth = spoken(missed=0.5)
        sample = draw(posts, city=town, night=NIGHT)
        few = people_say(sample.head(20), truth, "ann")
        counted, found, audits = corrected(town, posts, Audited(sample, few))
        assert whole(found)["value"] == whole(counted)["value"]
        assert "only 20 audited voices" in audits["reason"].item()

    def test_what_is_withheld_stays_withheld(self, town: City) -> None:
        posts, truth = spoken(missed=0.5)
        quiet = posts.filter((pl.col("area") != "A00") | (pl.col("post").str.slice(1).cast(pl.Int64) < 100))
        sample = draw(quiet, city=town, night=NIGHT)
        _, found, _ = corrected(town, quiet, Audited(sample, people_say(sample, truth, "ann")))
        row = found.row(by_predicate=pl.col("area") == "A00", named=True)
        assert (row["value"], row["missing_reason"]) == (None, "too_few")


def test_what_the_audit_did_fits_its_table(town: City) -> None:
    posts, _ = spoken()
    audits = corrected(town, posts, NOBODY)[2]
    assert dict(audits.schema) == AUDITS_SCHEMA
    declared = TABLES["audits"].schema
    assert {name: declared[name] for name in AUDITS_SCHEMA} == AUDITS_SCHEMA
    assert set(declared) - set(AUDITS_SCHEMA) == {"night", "city", "synthetic"}
    assert audits["period_end"].to_list() == [BLOCK_END]
