"""indicators.yaml: what is measured is stated once, and a broken statement is refused with every mistake."""

from __future__ import annotations

import copy
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadConfiguration
from barometer.indicators import (
    AnswerScale,
    AnswerShare,
    CalendarWeeks,
    Indicators,
    VoiceShare,
    config_version,
    load_indicators,
)
from barometer.settings import PROJECT
from barometer.tables import LABEL_HEADS
from tests.towns import make_testville

CONFIGS = PROJECT / "configs"


@pytest.fixture(scope="module")
def indicators() -> Indicators:
    return load_indicators(CONFIGS)


@pytest.fixture
def content() -> dict[str, Any]:
    """The project's own file as plain data, free to be broken."""
    return copy.deepcopy(yaml.safe_load((CONFIGS / "indicators.yaml").read_text("utf-8")))


def an_indicator(content: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(entry for entry in content["indicators"] if entry["id"] == name)
    return found


def refusal(tmp_path: Path, content: Any) -> str:
    """The message with which a file of this content is refused."""
    (tmp_path / "indicators.yaml").write_text(yaml.safe_dump(content), "utf-8")
    with pytest.raises(BadConfiguration) as refused:
        load_indicators(tmp_path)
    return str(refused.value)


class TestTheProjectsOwnFile:
    @pytest.mark.parametrize(
        "name",
        [
            "wallet_neighbour",
            "wallet_stranger",
            "wallet_police",
            "trust_generalised_0_10",
            "trust_generalised_two_way",
            "trust_police",
            "trust_council",
            "trust_health",
            "neighbourhood_cohesion",
            "posts_distrust_share",
            "posts_trust_share",
            "rumour_share",
            "hostile_share",
            "practitioner_trust",
            "observed_staying_rate",
        ],
    )
    def test_the_indicators_of_the_design_are_there(self, indicators: Indicators, name: str) -> None:
        assert indicators[name].id == name

    def test_all_five_signals_have_an_indicator(self, indicators: Indicators) -> None:
        for signal in ("posts", "answers", "reports", "observations", "counts"):
            assert indicators.of_signal(signal), signal

    def test_of_signal_parts_the_indicators_without_losing_one(self, indicators: Indicators) -> None:
        parted = [i.id for signal in ("posts", "answers", "reports", "observations", "counts", "combined")
                  for i in indicators.of_signal(signal)]  # fmt: skip
        assert sorted(parted) == sorted(indicators.by_id)

    def test_the_two_forms_of_the_trust_question_share_no_item(self, indicators: Indicators) -> None:
        scale, two_way = indicators["trust_generalised_0_10"].measure, indicators["trust_generalised_two_way"].measure
        assert set(scale.items).isdisjoint(two_way.items)  # type: ignore[union-attr]

    def test_cohesion_has_eight_items_in_three_domains(self, indicators: Indicators) -> None:
        measure = indicators["neighbourhood_cohesion"].measure
        assert isinstance(measure, AnswerScale)
        assert len(measure.items) == 8
        assert {name: len(items) for name, items in measure.domains.items()} == {
            "attraction": 1,
            "neighbouring": 3,
            "sense_of_community": 4,
        }
        assert measure.is_reversed

    def test_per_target_distrust_asks_for_both_labels(self, indicators: Indicators) -> None:
        measure = indicators["posts_distrust_health"].measure
        assert isinstance(measure, VoiceShare)
        assert measure.labels == {"trust": "distrust", "target": "health"}

    def test_a_wallet_is_counted_as_coming_back_from_likely_on(self, indicators: Indicators) -> None:
        measure = indicators["wallet_stranger"].measure
        assert isinstance(measure, AnswerShare)
        assert (measure.lowest_answer, measure.yes_from, measure.highest_answer) == (1, 3, 4)

    def test_surveys_and_composites_follow_waves_and_the_others_the_calendar(self, indicators: Indicators) -> None:
        for indicator in indicators.indicators:
            follows_waves = indicator.signal == "answers" or indicator.measure.kind == "composite"
            assert (indicator.period == "wave") == follows_waves, indicator.id

    def test_what_is_combined_rests_on_survey_indicators(self, indicators: Indicators) -> None:
        surveyed = {indicator.id for indicator in indicators.of_signal("answers")}
        for indicator in indicators.of_signal("combined"):
            assert indicator.rests_on, indicator.id
            assert set(indicator.rests_on) <= surveyed, indicator.id

    def test_a_nowcast_keeps_the_scale_of_what_it_brings_up_to_date(self, indicators: Indicators) -> None:
        for indicator in indicators.of_signal("combined"):
            if indicator.measure.kind == "nowcast":
                of = indicators[indicator.rests_on[0]]
                assert (indicator.scale, indicator.unit, indicator.is_share) == (of.scale, of.unit, of.is_share)

    def test_a_composite_never_pools_the_two_forms_of_the_trust_question(self, indicators: Indicators) -> None:
        for indicator in indicators.of_signal("combined"):
            assert not {"trust_generalised_0_10", "trust_generalised_two_way"} <= set(indicator.rests_on)

    def test_no_published_share_of_people_rests_on_fewer_than_ten(self, indicators: Indicators) -> None:
        for indicator in (*indicators.of_signal("answers"), *indicators.of_signal("posts")):
            assert indicator.minimum_n >= 10, indicator.id

    def test_every_share_is_between_nothing_and_everybody(self, indicators: Indicators) -> None:
        for indicator in indicators.indicators:
            if indicator.is_share:
                assert (indicator.scale.minimum, indicator.scale.maximum) == (0, 1), indicator.id

    @pytest.mark.parametrize(
        ("signal", "method"),
        [
            ("answers", "direct"),
            ("posts", "uncorrected"),
            ("reports", "mean"),
            ("observations", "rate"),
            ("counts", "rate"),
        ],
    )
    def test_the_method_says_how_a_value_is_made(self, indicators: Indicators, signal: str, method: str) -> None:
        assert {indicator.method for indicator in indicators.of_signal(signal)} == {method}

    def test_weeks_are_counted_from_a_monday(self, indicators: Indicators) -> None:
        assert indicators.weeks_anchor.weekday() == 0

    def test_the_look_back_is_over_a_year(self, indicators: Indicators) -> None:
        assert indicators.lookback_days >= 365


class TestRefusals:
    def test_every_mistake_is_listed_at_once(self, tmp_path: Path, content: dict[str, Any]) -> None:
        # given three mistakes in three indicators
        an_indicator(content, "trust_police").pop("unit")
        an_indicator(content, "wallet_police")["direction"] = "upwards"
        an_indicator(content, "rumour_share")["measure"]["labels"] = {"rumour": "gossip"}
        # when the file is loaded
        message = refusal(tmp_path, content)
        # then each is named with its indicator and field
        assert "3 mistakes" in message
        assert "indicator trust_police, field unit" in message
        assert "indicator wallet_police, field direction" in message
        assert "indicator rumour_share" in message
        assert "rumour=gossip" in message

    def test_a_refusal_is_one_line(self, tmp_path: Path, content: dict[str, Any]) -> None:
        an_indicator(content, "trust_police").pop("title")
        assert "\n" not in refusal(tmp_path, content)

    def test_an_unknown_field_is_refused(self, tmp_path: Path, content: dict[str, Any]) -> None:
        an_indicator(content, "trust_police")["colour"] = "blue"
        assert "indicator trust_police, field colour" in refusal(tmp_path, content)

    def test_an_id_used_twice_is_refused(self, tmp_path: Path, content: dict[str, Any]) -> None:
        content["indicators"].append(copy.deepcopy(an_indicator(content, "trust_police")))
        assert "used twice: trust_police" in refusal(tmp_path, content)

    @pytest.mark.parametrize("name", ["Trust", "trust police", "0_trust", ""])
    def test_an_id_that_is_no_plain_word_is_refused(self, tmp_path: Path, content: dict[str, Any], name: str) -> None:
        an_indicator(content, "trust_police")["id"] = name
        assert "field id" in refusal(tmp_path, content)

    def test_an_anchor_that_is_no_monday_is_refused(self, tmp_path: Path, content: dict[str, Any]) -> None:
        content["weeks_anchor"] = date(2024, 1, 2)
        assert "weeks_anchor: must be a Monday" in refusal(tmp_path, content)

    def test_a_measure_of_another_signal_is_refused(self, tmp_path: Path, content: dict[str, Any]) -> None:
        an_indicator(content, "practitioner_trust")["signal"] = "observations"
        assert "measure rating_mean needs signal reports" in refusal(tmp_path, content)

    def test_a_survey_indicator_by_the_calendar_is_refused(self, tmp_path: Path, content: dict[str, Any]) -> None:
        an_indicator(content, "trust_police")["period"] = {"calendar_weeks": 4}
        assert "period must be wave for answers" in refusal(tmp_path, content)

    def test_a_share_of_posts_by_wave_is_refused(self, tmp_path: Path, content: dict[str, Any]) -> None:
        an_indicator(content, "rumour_share")["period"] = "wave"
        assert "period must be wave for answers" in refusal(tmp_path, content)

    def test_a_share_on_another_scale_is_refused(self, tmp_path: Path, content: dict[str, Any]) -> None:
        an_indicator(content, "wallet_police")["scale"] = {"minimum": 0, "maximum": 100}
        assert "a share has the scale 0 to 1" in refusal(tmp_path, content)

    def test_a_mean_without_an_end_to_its_scale_is_refused(self, tmp_path: Path, content: dict[str, Any]) -> None:
        an_indicator(content, "trust_police")["scale"] = {"minimum": 0, "maximum": None}
        assert "needs a scale with a maximum" in refusal(tmp_path, content)

    def test_a_scale_turned_over_is_refused(self, tmp_path: Path, content: dict[str, Any]) -> None:
        an_indicator(content, "trust_police")["scale"] = {"minimum": 10, "maximum": 0}
        assert "maximum must lie above minimum" in refusal(tmp_path, content)

    @pytest.mark.parametrize("yes_from", [1, 0, 5])
    def test_a_yes_that_all_or_none_can_give_is_refused(
        self, tmp_path: Path, content: dict[str, Any], yes_from: int
    ) -> None:
        an_indicator(content, "wallet_police")["measure"]["yes_from"] = yes_from
        assert "yes_from must lie above lowest_answer" in refusal(tmp_path, content)

    def test_a_scale_that_names_an_item_twice_is_refused(self, tmp_path: Path, content: dict[str, Any]) -> None:
        an_indicator(content, "neighbourhood_cohesion")["measure"]["domains"]["attraction"] = ["cohesion_talk"]
        assert "no item may be named twice" in refusal(tmp_path, content)

    def test_a_domain_without_an_item_is_refused(self, tmp_path: Path, content: dict[str, Any]) -> None:
        an_indicator(content, "neighbourhood_cohesion")["measure"]["domains"]["attraction"] = []
        assert "every domain needs an item" in refusal(tmp_path, content)

    def test_a_missing_file_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(BadConfiguration, match=r"indicators\.yaml: cannot be read .*restore it"):
            load_indicators(tmp_path)

    @pytest.mark.parametrize("text", ["indicators: [", "- only\n- a list\n", "", "\x00"])
    def test_what_is_no_yaml_mapping_is_refused(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "indicators.yaml").write_text(text, "utf-8")
        with pytest.raises(BadConfiguration, match=r"indicators\.yaml"):
            load_indicators(tmp_path)

    def test_bytes_that_are_no_utf8_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "indicators.yaml").write_bytes(b"\xff\xfe\xff")
        with pytest.raises(BadConfiguration, match="cannot be read"):
            load_indicators(tmp_path)

    def test_an_indicator_that_is_no_mapping_is_named_by_its_place(
        self, tmp_path: Path, content: dict[str, Any]
    ) -> None:
        content["indicators"] = ["trust_police"]
        assert "indicator 0" in refusal(tmp_path, content)

    @given(
        junk=st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3))
    )
    def test_whatever_the_list_holds_the_answer_is_a_refusal_in_words(self, tmp_path: Path, junk: Any) -> None:
        content = {"lookback_days": 400, "weeks_anchor": date(2024, 1, 1), "indicators": junk}
        assert "indicators.yaml" in refusal(tmp_path, content)


@given(weeks=st.integers())
def test_a_period_has_one_to_fifty_two_weeks(weeks: int) -> None:
    if 1 <= weeks <= 52:
        assert CalendarWeeks(calendar_weeks=weeks).calendar_weeks == weeks
    else:
        with pytest.raises(ValueError, match="calendar_weeks"):
            CalendarWeeks(calendar_weeks=weeks)


@given(head=st.sampled_from(sorted(LABEL_HEADS)), value=st.text(max_size=12))
def test_only_classes_of_the_label_are_taken(head: str, value: str) -> None:
    if value in LABEL_HEADS[head]:
        assert VoiceShare(kind="voice_share", labels={head: value}).labels == {head: value}
    else:
        with pytest.raises(ValueError, match="no such label"):
            VoiceShare(kind="voice_share", labels={head: value})


class TestConfigVersion:
    @pytest.fixture
    def configs(self, tmp_path: Path) -> Path:
        folder = tmp_path / "configs"
        folder.mkdir()
        (folder / "indicators.yaml").write_bytes((CONFIGS / "indicators.yaml").read_bytes())
        (tmp_path / "city").mkdir()
        (tmp_path / "city" / "city.yaml").write_text("id: testville\n", "utf-8")
        return folder

    def test_it_is_sixteen_hex_digits_and_always_the_same(self, tmp_path: Path, configs: Path) -> None:
        city = make_testville(tmp_path / "city")
        version = config_version(city, configs)
        assert len(version) == 16
        assert int(version, 16) >= 0
        assert version == config_version(city, configs)

    def test_it_changes_with_the_indicators(self, tmp_path: Path, configs: Path) -> None:
        city = make_testville(tmp_path / "city")
        before = config_version(city, configs)
        with (configs / "indicators.yaml").open("a", encoding="utf-8") as file:
            file.write("# another look-back\n")
        assert config_version(city, configs) != before

    def test_it_changes_with_the_citys_files(self, tmp_path: Path, configs: Path) -> None:
        city = make_testville(tmp_path / "city")
        before = config_version(city, configs)
        (tmp_path / "city" / "thresholds.yaml").write_text("minimum_n: 20\n", "utf-8")
        assert config_version(city, configs) != before

    def test_notes_and_scripts_change_no_version(self, tmp_path: Path, configs: Path) -> None:
        city = make_testville(tmp_path / "city")
        before = config_version(city, configs)
        (tmp_path / "city" / "__pycache__").mkdir()
        (tmp_path / "city" / "__pycache__" / "build.cpython-311.pyc").write_bytes(b"x")
        (tmp_path / "city" / "SOURCES.md").write_text("where it is from", "utf-8")
        assert config_version(city, configs) == before

    def test_it_changes_with_a_borrowed_geography(self, tmp_path: Path, configs: Path) -> None:
        city = make_testville(tmp_path / "city")
        other = make_testville(tmp_path / "city", areas=city.areas.with_columns(pl.col("adults") + 1))
        assert config_version(city, configs) != config_version(other, configs)

    def test_it_does_not_depend_on_where_the_folder_is(self, tmp_path: Path, configs: Path) -> None:
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "city.yaml").write_text("id: testville\n", "utf-8")
        here, there = make_testville(tmp_path / "city"), make_testville(tmp_path / "elsewhere")
        assert config_version(here, configs) == config_version(there, configs)

    def test_it_does_not_depend_on_the_order_of_rows(self, tmp_path: Path, configs: Path) -> None:
        city = make_testville(tmp_path / "city")
        turned = make_testville(tmp_path / "city", areas=city.areas.reverse())
        assert config_version(city, configs) == config_version(turned, configs)
