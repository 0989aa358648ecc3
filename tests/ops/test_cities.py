from pathlib import Path

import pytest

from barometer.city import city_ids, load_city
from barometer.ops.cities import DEFAULT_POOL, FALLBACK_TIMEZONE, CityCard, city_cards, pool_slots
from barometer.settings import PROJECT

CONFIGS = PROJECT / "configs"
SOURCES = "sources: [{id: kobo}, {id: sky, pool: bluesky}, {id: files}, {id: more_sky, pool: bluesky}]"


def write_city(configs: Path, city_id: str, text: str) -> None:
    folder = configs / "cities" / city_id
    folder.mkdir(parents=True)
    (folder / "city.yaml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("city_id", city_ids(CONFIGS))
def test_a_card_says_what_the_whole_city_says(city_id: str) -> None:
    (card,) = city_cards(CONFIGS, [city_id])
    city = load_city(city_id, CONFIGS)
    assert (card.id, card.name, card.timezone) == (city.id, city.name, city.timezone)
    is_own = {source.id: source.kind == "live" and source.pool == DEFAULT_POOL for source in city.sources}
    assert {(source.id, source.service if is_own[source.id] else source.pool) for source in city.sources} == {
        (source, pool) for pool, sources in card.pools.items() for source in sources
    }


def test_all_configured_cities_have_a_card() -> None:
    assert [card.id for card in city_cards(CONFIGS, [])] == city_ids(CONFIGS)


def test_only_the_cities_asked_for_have_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BAROMETER_CITIES", "sample,nowhere")
    assert [card.id for card in city_cards(CONFIGS)] == ["sample"]


def test_sources_are_grouped_by_pool_in_their_order(tmp_path: Path) -> None:
    write_city(tmp_path, "here", f"name: Here\ntimezone: Europe/Madrid\n{SOURCES}")
    assert city_cards(tmp_path, []) == (
        CityCard("here", "Here", "Europe/Madrid", {DEFAULT_POOL: ("kobo", "files"), "bluesky": ("sky", "more_sky")}),
    )


def test_a_platforms_pool_starts_with_one_slot_and_airflows_own_is_left_alone(tmp_path: Path) -> None:
    write_city(tmp_path, "here", SOURCES)
    assert pool_slots(city_cards(tmp_path, [])) == {"bluesky": 1}


def test_a_live_source_has_its_service_s_pool_unless_it_names_another(tmp_path: Path) -> None:
    live = "kind: live, service: mastodon"
    write_city(tmp_path, "here", f"sources: [{{id: a, {live}}}, {{id: b, {live}}}, {{id: c, {live}, pool: calm}}]")
    (card,) = city_cards(tmp_path, [])
    assert card.pools == {"mastodon": ("a", "b"), "calm": ("c",)}


@pytest.mark.parametrize("text", ["", "- a list", "name: [", "name: Here\ntimezone: Mars/Olympus\nsources: nothing"])
def test_a_broken_city_still_gets_a_card_so_that_its_dag_can_say_what_is_wrong(tmp_path: Path, text: str) -> None:
    write_city(tmp_path, "broken", text)
    (card,) = city_cards(tmp_path, [])
    assert (card.id, card.timezone, dict(card.pools)) == ("broken", FALLBACK_TIMEZONE, {})


def test_bytes_that_are_no_text_do_not_take_the_other_cities_away(tmp_path: Path) -> None:
    write_city(tmp_path, "whole", "name: Whole")
    write_city(tmp_path, "broken", "")
    (tmp_path / "cities" / "broken" / "city.yaml").write_bytes(b"\xff\xfe\x00")
    assert [card.name for card in city_cards(tmp_path, [])] == ["broken", "Whole"]
