"""The transparency record: every field of the standard, from the figures of the card; silent where a city is silent."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from barometer.city import City, load_city
from barometer.cli import app
from barometer.errors import BadConfiguration
from barometer.settings import PROJECT, Settings
from barometer.train.atrs import NOT_STATED, STATEMENT_FILE, atrs_record, to_json, to_markdown
from barometer.train.encoder.evaluate import stored_figures

# The sections of version 4.0, and the numbers of their fields.
NUMBERS = {
    "1": 6,
    "2.1": 9,
    "2.2": 4,
    "2.3": 5,
    "2.4.1": 5,
    "2.4.2": 8,
    "2.4.3": 10,
    "2.4.4": 5,
    "2.5": 2,
}


@pytest.fixture(scope="module")
def sample() -> City:
    return load_city("sample", PROJECT / "configs")


@pytest.fixture(scope="module")
def settings() -> Settings:
    return Settings()


def test_every_field_of_the_standard_is_there_in_order(sample: City, settings: Settings) -> None:
    numbers = [entry.number for entry in atrs_record(sample, "encoder", settings)]
    assert numbers == sorted(numbers, key=lambda number: [int(part) for part in number.split(".")])
    for start, count in NUMBERS.items():
        of_section = [n for n in numbers if n.startswith(f"{start}.")]
        assert len(of_section) == count, start
    assert len(numbers) == sum(NUMBERS.values())


def test_figures_are_those_of_the_models_card(sample: City, settings: Settings) -> None:
    metrics = stored_figures(settings.models / "encoder")
    by_number = {entry.number: entry.text for entry in atrs_record(sample, "encoder", settings)}
    for head in ("trust", "target", "rumour", "hostile"):
        assert f"{head} {metrics['dev'][head]['all']['macro_f1']:.2f}" in by_number["2.4.2.7"]
    assert f"{metrics['swaps']['others']['trust']:.1%}" in by_number["2.4.2.7"]
    assert "hostile" in by_number["2.2.1"]


def test_nothing_is_left_to_fill_in_and_no_person_is_named(sample: City, settings: Settings) -> None:
    record = atrs_record(sample, "encoder", settings)
    assert all(entry.text for entry in record)
    assert not any(re.search(r"[{}]", entry.text) for entry in record)
    assert all(entry.is_stated for entry in record)


def test_a_city_that_says_nothing_is_not_spoken_for(settings: Settings) -> None:
    bradford = load_city("bradford", settings.configs)
    record = atrs_record(bradford, "encoder", settings)
    silent = {entry.number for entry in record if not entry.is_stated}
    assert {"1.4", "2.1.1", "2.1.3", "2.5.1"} <= silent
    text = to_markdown(bradford, record)
    assert "Still to be stated by the city, in atrs.yaml of its folder: 1.3 Website URL" in text
    assert "SYNTHETIC" not in text


def test_the_invented_citys_record_says_that_it_is_an_example(sample: City, settings: Settings) -> None:
    record = atrs_record(sample, "encoder", settings)
    assert "SYNTHETIC: an example" in to_markdown(sample, record)
    whole = json.loads(to_json(sample, record))
    assert whole["synthetic"] is True
    assert whole["fields"]["1.1"]["text"].endswith("language model `encoder`")


@pytest.mark.parametrize(
    ("text", "said"), [("mayor: x", "mayor Extra inputs"), ("[unclosed", "cannot be read"), ("team: 3", "valid string")]
)
def test_a_broken_statement_is_named(tmp_path: Path, sample: City, settings: Settings, text: str, said: str) -> None:
    (tmp_path / STATEMENT_FILE).write_text(text)
    with pytest.raises(BadConfiguration, match=said):
        atrs_record(replace(sample, folder=tmp_path), "encoder", settings)


def test_the_command_writes_a_document_or_json_and_counts_what_is_missing(tmp_path: Path) -> None:
    for name in ("record.md", "record.json"):
        done = CliRunner().invoke(app, ["models", "atrs", "--city", "bradford", "--output", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        assert re.search(r"54 fields, \d+ of them still to be stated", done.output.replace("\n", " "))
    assert json.loads((tmp_path / "record.json").read_text())["fields"]["2.1.1"]["text"] == NOT_STATED
    assert (tmp_path / "record.md").read_text().startswith("# Algorithmic Transparency Recording Standard")
