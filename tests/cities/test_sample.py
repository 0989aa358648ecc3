"""The sample city: synthetic from end to end, on Bradford's map, never in Bradford's place."""

from __future__ import annotations

from pathlib import Path

import pytest

from barometer.city import City, city_ids, load_city, read_icc_index
from barometer.city_files import SHEETS
from tests.cities.quadville import replace


def test_three_cities_are_configured_and_all_are_sound(configs: Path) -> None:
    assert city_ids(configs) == ["bradford", "sample", "stockholm"]
    assert [load_city(city_id, configs).id for city_id in city_ids(configs)] == city_ids(configs)


def test_the_sample_says_that_it_is_synthetic_everywhere(sample: City) -> None:
    assert sample.is_synthetic
    assert "synthetic" in sample.name
    assert all(source.is_synthetic for source in sample.sources)
    assert "**Synthetic.**" in (sample.folder / "SOURCES.md").read_text("utf-8")


@pytest.mark.parametrize("name", list(SHEETS))
def test_the_sample_stands_on_bradfords_map(sample: City, bradford: City, name: str) -> None:
    assert getattr(sample, name).equals(getattr(bradford, name))
    assert sample.boundaries("ward24") == bradford.boundaries("ward24")


def test_the_sample_is_a_tenant_of_its_own(sample: City, bradford: City) -> None:
    assert sample.id != bradford.id
    assert sample.folder != bradford.folder


def test_every_signal_has_a_source_below_its_own_folder_of_the_inbox(sample: City) -> None:
    folders = {source.signal: source.path.split("/")[0] for source in sample.sources}
    assert folders == {name: name for name in ("posts", "answers", "reports", "observations", "counts", "removals")}


def test_the_sample_owes_what_bradford_owes_and_what_it_adds(sample: City, bradford: City) -> None:
    assert set(bradford.attribution) < set(sample.attribution)
    assert any("Onward" in line and "CC BY 4.0" in line for line in sample.attribution)


def test_the_samples_index_is_filled_in_and_marked_as_invented(sample: City) -> None:
    index = read_icc_index(sample)
    assert index is not None
    assert index.is_filled_in
    assert index.is_synthetic
    assert "invented" in (index.source or "").lower()
    scores = [score for entry in index.indices for score in (entry, *entry.sub_indices)]
    assert len(scores) == 18
    assert all(score.core is not None and score.extended is not None for score in scores)


def test_the_lens_of_the_invented_index_is_the_mean_of_its_parts(sample: City) -> None:
    index = read_icc_index(sample)
    assert index is not None
    lens = next(entry for entry in index.indices if entry.id == "intercultural_lens")
    assert lens.core == sum(part.core or 0 for part in lens.sub_indices) / 6
    assert lens.extended == sum(part.extended or 0 for part in lens.sub_indices) / 6


def test_the_sample_cannot_be_passed_off_as_real(sample: City, tmp_path: Path) -> None:
    """Turning the city's mark alone is refused: its sources and its index still say what they are."""
    import shutil

    from barometer.errors import BadConfiguration

    shutil.copytree(sample.folder.parent, tmp_path / "cities")
    shutil.copytree(sample.folder.parent.parent / "codebooks", tmp_path / "codebooks")
    replace(tmp_path / "cities" / "sample" / "city.yaml", "\nis_synthetic: true", "\nis_synthetic: false")
    with pytest.raises(BadConfiguration) as refused:
        load_city("sample", tmp_path)
    message = str(refused.value)
    assert all(f"source {source.id}: is_synthetic is True" in message for source in sample.sources)
    assert "icc_index.yaml, field is_synthetic: is True but the city's is False" in message
