"""Shares of voices: people and days are counted, not posts, and no loud author moves an area beyond the cap."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import City, Thresholds
from barometer.estimate.cells import complete
from barometer.estimate.intervals import meng_effective_n, wilson
from barometer.estimate.posts import estimate_posts
from barometer.estimate.voices import HEAVY_AUTHOR_DAYS
from barometer.indicators import WHOLE_CITY
from tests.estimate.made import BLOCK_START, IN_BLOCK, INDICATORS, labelled, one, periods_of, post, voices
from tests.towns import make_testville

DISTRUST, COUNCIL, HEALTH = "posts_distrust_share", "posts_distrust_local_government", "posts_distrust_health"
RUMOUR, HOSTILE, TRUST = "rumour_share", "hostile_share", "posts_trust_share"


@pytest.fixture
def city(tmp_path: Path) -> City:
    return make_testville(tmp_path)


def shares(city: City, posts: list[dict[str, Any]], *names: str) -> pl.DataFrame:
    """Completed cells of the indicators named (distrust where none is)."""
    wanted = names or (DISTRUST,)
    indicators = [INDICATORS[name] for name in wanted]
    return complete(
        estimate_posts(labelled(*posts), city=city, indicators=indicators, periods=periods_of(*wanted)), city
    )


def local(city: City, posts: list[dict[str, Any]], name: str = DISTRUST) -> dict[str, Any]:
    return one(shares(city, posts, name), area="T1", indicator=name)


class TestWhatIsCounted:
    def test_the_share_of_voices_that_bear_the_label(self, city: City) -> None:
        found = local(city, voices(20, distrusting=5))
        assert (found["value"], found["n"], found["missing_reason"]) == (0.25, 20, None)

    def test_an_author_counts_once_a_day_however_many_posts(self, city: City) -> None:
        # given nine quiet authors and one who distrusts in thirty posts of one day
        loud = [post(100 + i, "loud", trust="distrust", target="health") for i in range(30)]
        assert local(city, [*voices(9), *loud])["value"] == pytest.approx(0.1)

    def test_a_day_bears_a_label_if_any_post_of_it_does(self, city: City) -> None:
        second = post(100, "a0", trust="distrust", target="media")
        assert local(city, [*voices(10), second])["value"] == pytest.approx(0.1)

    def test_an_author_heard_on_two_days_is_two_voice_days(self, city: City) -> None:
        again = post(100, "a0", day=IN_BLOCK + timedelta(days=1), trust="distrust", target="media")
        found = local(city, [*voices(10), again])
        assert (found["value"], found["n"]) == (pytest.approx(1 / 11), 10)

    def test_the_same_words_by_one_author_count_once_a_period(self, city: City) -> None:
        copies = [
            post(100 + i, "loud", day=IN_BLOCK + timedelta(days=i), duplicate_group="same", trust="distrust",
                 target="media")
            for i in range(4)
        ]  # fmt: skip
        assert local(city, [*voices(9), *copies])["value"] == pytest.approx(0.1)

    def test_the_same_words_by_different_authors_are_separate_voices(self, city: City) -> None:
        found = local(city, voices(20, distrusting=4, duplicate_group="petition"))
        assert (found["value"], found["n"]) == (0.2, 20)

    def test_a_target_needs_both_labels(self, city: City) -> None:
        posts = [*voices(10, distrusting=5), post(50, "x", trust="trust", target="local_government")]
        found = shares(city, posts, COUNCIL, HEALTH, DISTRUST)
        assert one(found, area="T1", indicator=COUNCIL)["value"] == pytest.approx(5 / 11)
        assert one(found, area="T1", indicator=HEALTH)["value"] == 0
        assert one(found, area="T1", indicator=DISTRUST)["value"] == pytest.approx(5 / 11)

    @pytest.mark.parametrize(
        ("name", "labels"),
        [
            (TRUST, {"trust": "trust", "target": "people"}),
            (RUMOUR, {"rumour": "rumour"}),
            ("correction_share", {"rumour": "correction"}),
            (HOSTILE, {"hostile": "yes"}),
        ],
    )
    def test_the_other_labels(self, city: City, name: str, labels: dict[str, str]) -> None:
        posts = [*voices(9), post(50, "x", **labels)]
        assert local(city, posts, name)["value"] == pytest.approx(0.1)

    def test_the_whole_city_hears_unplaced_voices_too(self, city: City) -> None:
        posts = [*voices(10), *voices(10, distrusting=10, area=None, first=50)]
        found = shares(city, posts)
        assert one(found, area="T1")["value"] == 0
        assert one(found, geography=WHOLE_CITY)["value"] == 0.5

    def test_an_author_of_two_areas_is_one_voice_of_the_city(self, city: City) -> None:
        posts = [*voices(10), *(post(100 + i, f"a{i}", area="T2") for i in range(10))]
        found = shares(city, posts)
        assert one(found, area="T2")["n"] == 10
        assert one(found, geography=WHOLE_CITY)["n"] == 10

    def test_a_doubtful_place_counts_for_the_city_only(self, city: City) -> None:
        found = shares(city, voices(10, area_confidence=0.49))
        assert one(found, area="T1")["n"] == 0
        assert one(found, geography=WHOLE_CITY)["n"] == 10

    def test_a_place_just_sure_enough_counts(self, city: City) -> None:
        assert local(city, voices(10, area_confidence=0.5))["n"] == 10

    def test_blocks_are_apart(self, city: City) -> None:
        before = voices(10, distrusting=10, first=50, day=BLOCK_START - timedelta(days=1))
        found = local(city, [*voices(10), *before])
        assert (found["value"], found["n"]) == (0, 10)


class TestGates:
    def test_nine_authors_are_too_few_and_ten_are_not(self, city: City) -> None:
        nine, ten = local(city, voices(9, distrusting=3)), local(city, voices(10, distrusting=3))
        assert (nine["missing_reason"], nine["value"], nine["n"]) == ("too_few", None, 9)
        assert (ten["missing_reason"], ten["value"], ten["n"]) == (None, 0.3, 10)

    def test_a_hundred_posts_by_nine_authors_are_too_few(self, city: City) -> None:
        posts = [post(i, f"a{i % 9}") for i in range(100)]
        assert local(city, posts)["missing_reason"] == "too_few"

    def test_a_stricter_city_is_obeyed(self, tmp_path: Path) -> None:
        city = make_testville(tmp_path, thresholds=Thresholds(minimum_n=25))
        assert local(city, voices(24))["missing_reason"] == "too_few"
        assert local(city, voices(25))["missing_reason"] is None

    def test_a_population_that_is_not_known_lets_no_value_through(self, tmp_path: Path) -> None:
        nothing = pl.lit(None, dtype=pl.Int64)
        areas = make_testville(tmp_path).areas.with_columns(adults=nothing, population=nothing)
        found = local(make_testville(tmp_path, areas=areas), voices(50))
        assert (found["missing_reason"], found["value"], found["effective_n"]) == ("too_few", None, 0.0)

    def test_a_place_without_a_post_gives_the_reason_of_the_period(self, city: City) -> None:
        assert one(shares(city, voices(10)), area="T4")["missing_reason"] == "too_few"


class TestErrors:
    def test_the_interval_is_wilsons_for_mengs_effective_n(self, city: City) -> None:
        found = local(city, voices(20, distrusting=5))
        size = meng_effective_n(
            voices=pl.Series([20.0]).to_numpy(), population=pl.Series([1000.0]).to_numpy(), defect_correlation=0.02
        )
        expected = wilson(share=pl.Series([0.25]).to_numpy(), effective_n=size)
        assert found["effective_n"] == pytest.approx(size[0])
        assert (found["lower"], found["upper"]) == pytest.approx((expected.lower[0], expected.upper[0]))
        assert found["standard_error"] == pytest.approx(expected.standard_error[0])

    def test_a_stronger_defect_widens_the_interval(self, tmp_path: Path) -> None:
        widths = []
        for defect in (0.02, 0.05, 0.2):
            city = make_testville(tmp_path, thresholds=Thresholds(meng_defect_correlation=defect))
            found = local(city, voices(40, distrusting=10))
            widths.append(found["upper"] - found["lower"])
        assert widths == sorted(widths)
        assert widths[0] < widths[-1]

    def test_voices_of_unequal_weight_count_as_fewer(self, city: City) -> None:
        even = local(city, voices(20))
        loud = [post(100 + i, "a0", day=IN_BLOCK + timedelta(days=i)) for i in range(1, 5)]
        assert local(city, [*voices(20), *loud])["effective_n"] < even["effective_n"]

    def test_model_versions_are_named_together(self, city: City) -> None:
        posts = [*voices(10), *voices(10, first=50, model_version="v2")]
        assert local(city, posts)["model_version"] == "v1+v2"
        assert local(city, voices(10))["model_version"] == "v1"


@st.composite
def some_posts(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to sixty posts of up to fifteen authors in two areas and none, over eight weeks."""
    size = draw(st.integers(1, 60))
    return [
        post(
            i,
            f"a{draw(st.integers(0, 14))}",
            area=draw(st.sampled_from(["T1", "T2", None])),
            day=BLOCK_START + timedelta(days=draw(st.integers(0, 27))),
            trust=draw(st.sampled_from(["trust", "distrust", "none"])),
            target=draw(st.sampled_from(["local_government", "none"])),
            duplicate_group=f"d{draw(st.integers(0, 40))}",
        )
        for i in range(size)
    ]


class TestWhateverIsPosted:
    @given(posts=some_posts())
    def test_shares_and_intervals_stay_on_the_scale(self, tmp_path: Path, posts: list[dict[str, Any]]) -> None:
        found = shares(make_testville(tmp_path), posts, DISTRUST, TRUST)
        shown = found.filter(pl.col("value").is_not_null())
        for row in shown.iter_rows(named=True):
            assert 0 <= row["lower"] <= row["value"] <= row["upper"] <= 1
            assert row["standard_error"] > 0
            assert row["n"] >= 10
        assert (found["missing_reason"].is_null() == found["value"].is_not_null()).all()

    @given(posts=some_posts(), seed=st.integers(0, 3))
    def test_the_order_of_posts_does_not_matter(self, tmp_path: Path, posts: list[dict[str, Any]], seed: int) -> None:
        city = make_testville(tmp_path)
        indicators = [INDICATORS[DISTRUST]]
        frame = labelled(*posts)
        shuffled = frame.sample(fraction=1, shuffle=True, seed=seed)
        first, second = (
            complete(estimate_posts(f, city=city, indicators=indicators, periods=periods_of(DISTRUST)), city)
            for f in (frame, shuffled)
        )
        assert first.equals(second)

    @given(posts=some_posts())
    def test_a_voice_more_is_never_an_author_less(self, tmp_path: Path, posts: list[dict[str, Any]]) -> None:
        city = make_testville(tmp_path)
        before = shares(city, posts)["n"]
        assert (shares(city, [*posts, post(999, "newcomer")])["n"] >= before).all()

    @given(days=st.integers(1, 28), posts_a_day=st.integers(1, 20), others=st.integers(10, 40))
    def test_a_loud_author_cannot_move_an_area_beyond_the_cap(
        self, tmp_path: Path, days: int, posts_a_day: int, others: int
    ) -> None:
        city = make_testville(tmp_path)
        quiet = voices(others)
        storm = [
            post(1000 + 100 * d + i, "loud", day=BLOCK_START + timedelta(days=d), trust="distrust", target="media")
            for d in range(days)
            for i in range(posts_a_day)
        ]
        moved = local(city, [*quiet, *storm])["value"] - local(city, quiet)["value"]
        cap = min(days, HEAVY_AUTHOR_DAYS)
        assert moved <= cap / (others + cap) + 1e-12

    @given(cap_days=st.integers(HEAVY_AUTHOR_DAYS, 28))
    def test_beyond_the_cap_more_days_change_nothing(self, tmp_path: Path, cap_days: int) -> None:
        city = make_testville(tmp_path)

        def with_days(days: int) -> float:
            loud = [post(500 + d, "loud", day=BLOCK_START + timedelta(days=d), rumour="rumour") for d in range(days)]
            value = local(city, [*voices(12), *loud], RUMOUR)["value"]
            assert isinstance(value, float)
            return value

        assert with_days(cap_days) == pytest.approx(with_days(HEAVY_AUTHOR_DAYS))


def test_a_night_without_posts_has_no_cells(city: City) -> None:
    empty = labelled(*voices(1)).clear()
    found = estimate_posts(empty, city=city, indicators=[INDICATORS[DISTRUST]], periods=periods_of(DISTRUST))
    assert found.found.is_empty()
    assert complete(found, city).height == 5
    assert date(2026, 4, 20) == complete(found, city)["period_start"][0]
