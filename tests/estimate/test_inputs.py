"""What a night may see: nothing later than itself, nothing of the other kind, always in the same order."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from barometer.errors import BadInput
from barometer.estimate.inputs import EVENT_TIME, events, known, labelled_posts
from barometer.night import Night
from barometer.tables import TABLES
from tests.estimate.made import post, post_rows, report, respondent
from tests.rows import NIGHT, rows
from tests.towns import a_night


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return a_night(tmp_path, NIGHT)


def put(night: Night, table: str, *several: dict[str, Any], on: date = NIGHT) -> None:
    frame = rows(table, *(values | {"night": on} for values in several))
    partition = {key: frame[key][0] for key in TABLES[table].partition}
    night.lake.replace(table, frame, partition=partition)


class TestEvents:
    def test_days_are_those_of_the_citys_time_zone(self, night: Night) -> None:
        # given a rating half an hour after midnight in London, still the evening before in UTC
        late = datetime(2026, 5, 3, 23, 30, tzinfo=UTC)
        put(night, "reports", report(1, "q1", 3) | {"reported_at": late})
        assert events(night, "reports")["day"].to_list() == [date(2026, 5, 4)]

    def test_what_happens_after_the_night_is_not_seen(self, night: Night) -> None:
        # given ratings one second before and at the horizon (23:00 UTC in summer time)
        before = report(1, "q1", 3) | {"reported_at": datetime(2026, 5, 9, 22, 59, 59, tzinfo=UTC)}
        after = report(2, "q2", 3) | {"reported_at": night.horizon}
        put(night, "reports", before, after)
        assert events(night, "reports")["report"].to_list() == ["b00001"]

    def test_what_a_later_night_wrote_is_not_seen(self, night: Night) -> None:
        put(night, "reports", report(1, "q1", 3))
        put(night, "reports", report(2, "q2", 3), on=date(2026, 5, 10))
        assert events(night, "reports")["report"].to_list() == ["b00001"]

    def test_rows_come_in_the_order_of_their_key(self, night: Night) -> None:
        put(night, "reports", *(report(i, "q1", 3) for i in (5, 3, 9, 1)))
        assert events(night, "reports")["report"].is_sorted()

    @pytest.mark.parametrize("table", sorted(EVENT_TIME))
    def test_an_empty_lake_gives_an_empty_frame_with_days(self, night: Night, table: str) -> None:
        found = events(night, table)
        assert found.is_empty()
        assert found.schema["day"] == pl.Date

    def test_every_signal_has_a_table_with_an_event_time(self) -> None:
        for table in ("posts", "respondents", "reports", "observations", "counts"):
            assert EVENT_TIME[table] in TABLES[table].schema


class TestMixture:
    def test_real_rows_in_a_synthetic_city_are_refused(self, night: Night) -> None:
        put(night, "reports", report(1, "q1", 3), report(2, "q2", 3, synthetic=False, source="made"))
        with pytest.raises(BadInput, match=r"table reports: 1 real rows \(from made\) in a synthetic city"):
            known(night, "reports")

    def test_synthetic_rows_in_a_real_city_are_refused(self, tmp_path: Path) -> None:
        night = a_night(tmp_path, NIGHT, is_synthetic=False)
        put(night, "respondents", respondent(1))
        with pytest.raises(BadInput, match=r"table respondents: 1 synthetic rows .* in a real city"):
            events(night, "respondents")

    def test_a_table_without_sources_is_named_itself(self, night: Night) -> None:
        _, labels = post_rows([post(1, "a1")], synthetic=False)
        night.lake.replace("labels", labels, partition={"night": NIGHT, "shard": 0})
        with pytest.raises(BadInput, match="from table labels"):
            known(night, "labels")

    def test_the_refusal_is_one_line_with_what_to_do(self, night: Night) -> None:
        put(night, "reports", report(1, "q1", 3, synthetic=False))
        with pytest.raises(BadInput, match="remove that source") as refused:
            known(night, "reports")
        assert "\n" not in str(refused.value)


class TestLabelledPosts:
    def put_posts(self, night: Night, posts: list[dict[str, Any]], **values: Any) -> None:
        frame, labels = post_rows(posts, **values)
        night.lake.replace("posts", frame, partition={"night": frame["night"][0]})
        night.lake.replace("labels", labels, partition={"night": labels["night"][0], "shard": 0})

    def test_posts_and_labels_are_joined(self, night: Night) -> None:
        self.put_posts(night, [post(1, "a1", trust="trust", target="health"), post(2, "a2")])
        found = labelled_posts(night)
        assert found.select("author", "trust", "target").rows() == [("a1", "trust", "health"), ("a2", "none", "none")]

    def test_a_repost_is_reach_and_no_voice(self, night: Night) -> None:
        self.put_posts(night, [post(1, "a1"), post(2, "a2", is_repost=True)])
        assert labelled_posts(night)["author"].to_list() == ["a1"]

    def test_a_post_without_a_label_is_no_voice_yet(self, night: Night) -> None:
        frame, labels = post_rows([post(1, "a1"), post(2, "a2")])
        night.lake.replace("posts", frame, partition={"night": NIGHT})
        night.lake.replace("labels", labels.head(1), partition={"night": NIGHT, "shard": 0})
        assert labelled_posts(night)["author"].to_list() == ["a1"]

    def test_the_label_of_the_latest_night_counts(self, tmp_path: Path) -> None:
        night = a_night(tmp_path, date(2026, 5, 10))
        self.put_posts(night, [post(1, "a1")])
        _, again = post_rows([post(1, "a1", trust="distrust", model_version="v2")], night=date(2026, 5, 10))
        night.lake.replace("labels", again, partition={"night": date(2026, 5, 10), "shard": 0})
        found = labelled_posts(night)
        assert found.select("trust", "model_version").rows() == [("distrust", "v2")]

    def test_an_earlier_night_run_again_sees_its_own_label(self, tmp_path: Path) -> None:
        later = a_night(tmp_path, date(2026, 5, 10))
        self.put_posts(later, [post(1, "a1")])
        _, again = post_rows([post(1, "a1", trust="distrust")], night=date(2026, 5, 10))
        later.lake.replace("labels", again, partition={"night": date(2026, 5, 10), "shard": 0})
        earlier = Night(city=later.city, lake=later.lake, settings=later.settings, night=NIGHT)
        assert labelled_posts(earlier)["trust"].to_list() == ["none"]
