"""An entry goes into city.yaml and nothing else of the file changes; a city that would be broken is left as it is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from barometer.city import load_city
from barometer.errors import BadConfiguration
from barometer.ingest.live.add_source import add_entry, entry_of, with_entry
from barometer.ingest.live.services import CONNECTORS
from barometer.settings import PROJECT
from tests.ingest.live.fakes import Scripted, a_live_source

ENTRY = "id: forum\nkind: live\noptions:\n  board: all\n"
MEANT = {"id": "forum", "kind": "live", "options": {"board": "all"}}

BLOCK = """\
# The city. = a comment
id: x   # its id
sources:
  # the first
  - {id: a, path: "a"}
  - id: b
    path: |
      lines
      of text

# what comes after
thresholds: {}
"""


def sources_of(text: str) -> list[object]:
    return list(yaml.safe_load(text)["sources"])


class TestTheText:
    def test_keeps_every_line_and_gains_the_entry_below_the_last_source(self) -> None:
        text = with_entry(BLOCK, ENTRY)
        assert sources_of(text) == [*sources_of(BLOCK), MEANT]
        added = [line for line in text.splitlines() if line not in BLOCK.splitlines()]
        assert added == ["  - id: forum", "    kind: live", "    options:", "      board: all"]
        assert [line for line in text.splitlines() if line not in added] == BLOCK.splitlines()
        assert text.index("board: all") < text.index("# what comes after")

    @pytest.mark.parametrize(
        "text",
        [
            "id: x\n",
            "id: x\nsources:\n",
            "id: x\nsources: []\n",
            "id: x\nsources: []\nname: y\n",
            "id: x\nsources:\n- id: a\n",
            "id: x\nsources:\n- id: a\n- id: b",
            "id: x\nsources:\n    - id: a\n      options: {q: 1}\n\n\n# end",
            "sources:\n  - id: a\nid: x\n",
        ],
    )
    def test_whatever_the_sources_look_like(self, text: str) -> None:
        before, after = yaml.safe_load(text), yaml.safe_load(with_entry(text, ENTRY))
        assert after["sources"] == [*(before.get("sources") or []), MEANT]
        assert {k: v for k, v in after.items() if k != "sources"} == {k: v for k, v in before.items() if k != "sources"}

    def test_a_list_in_one_line_is_left_to_a_person(self) -> None:
        with pytest.raises(BadConfiguration, match="one below the other"):
            with_entry("sources: [{id: a}]\n", ENTRY)

    @given(
        there=st.lists(
            st.dictionaries(st.sampled_from("abc"), st.integers() | st.text("xy: #'\n", max_size=9), min_size=1)
        ),
        times=st.integers(1, 3),
    )
    def test_entries_can_be_added_one_after_the_other(self, there: list[dict[str, object]], times: int) -> None:
        text = yaml.safe_dump({"id": "x", "sources": there, "z": [1, 2]}, default_flow_style=False)
        for _ in range(times):
            text = with_entry(text, ENTRY)
        assert yaml.safe_load(text) == {"id": "x", "sources": [*there, *[MEANT] * times], "z": [1, 2]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the sample city's own folder, beside the city it borrows its map from."""
    for name in ("sample", "bradford"):
        shutil.copytree(PROJECT / "configs" / "cities" / name, tmp_path / "configs" / "cities" / name)
    for path in (PROJECT / "configs").iterdir():
        if path.name != "cities":
            (tmp_path / "configs" / path.name).symlink_to(path)
    return tmp_path / "configs" / "cities" / "sample"


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONNECTORS, "forum", Scripted())


def test_a_sound_entry_is_written_and_loaded(folder: Path) -> None:
    before = (folder / "city.yaml").read_text("utf-8")
    source = a_live_source(id="new_forum", is_synthetic=True, options={"board": "news"})
    add_entry(folder, source)
    assert load_city("sample", folder.parent.parent).sources[-1] == source
    after = (folder / "city.yaml").read_text("utf-8")
    assert all(line in after.splitlines() for line in before.splitlines())
    assert not list(folder.glob("*.tmp"))


@pytest.mark.parametrize(
    ("values", "advice"),
    [
        ({"id": "new_forum", "is_synthetic": False}, "synthetic and real rows never share a city"),
        ({"id": "new_forum", "is_synthetic": True, "options": {"bored": 1}}, "option bored is unknown"),
        ({"id": "SAME", "is_synthetic": True}, "is named twice"),
    ],
)
def test_a_wrong_one_is_refused_and_the_file_is_as_it_was(folder: Path, values: dict[str, object], advice: str) -> None:
    before = (folder / "city.yaml").read_bytes()
    if values["id"] == "SAME":
        values = {**values, "id": load_city("sample", folder.parent.parent).sources[0].id}
    with pytest.raises(BadConfiguration, match=advice):
        add_entry(folder, a_live_source(**values))
    assert (folder / "city.yaml").read_bytes() == before


def test_an_entry_says_what_is_set_and_no_more() -> None:
    entry = entry_of(a_live_source(id="f", connection="city_forum", options={"board": "news"}))
    assert yaml.safe_load(entry) == {
        "id": "f",
        "signal": "posts",
        "kind": "live",
        "format": "jsonl",
        "service": "forum",
        "connection": "city_forum",
        "is_synthetic": False,
        "options": {"board": "news"},
    }
