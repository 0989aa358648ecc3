from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.errors import BadConfiguration
from barometer.ops.handbook import chapter, chapters

TEXT = "The DAG.\n\nTwo lines.\n\n## ingest\nReads.\n\n### detail\nmore\n## publish\n\nWrites.\n"


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    path = tmp_path / "nightly.md"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_chapters_are_split_at_second_level_headings_only(handbook: Path) -> None:
    assert chapters(handbook) == {
        "": "The DAG.\n\nTwo lines.",
        "ingest": "Reads.\n\n### detail\nmore",
        "publish": "Writes.",
    }


def test_a_chapter_is_found_by_its_task(handbook: Path) -> None:
    assert chapter(chapters(handbook), "publish") == "Writes."


def test_a_task_nobody_wrote_about_is_refused(handbook: Path) -> None:
    with pytest.raises(BadConfiguration, match="no chapter '## estimate'"):
        chapter(chapters(handbook), "estimate")


@given(names=st.lists(st.from_regex(r"[a-z_]{1,12}", fullmatch=True), unique=True, max_size=6))
def test_every_chapter_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    path = tmp_path_factory.mktemp("handbook") / "any.md"
    path.write_text("".join(f"## {name}\nabout {name}\n" for name in names), encoding="utf-8")
    assert chapters(path) == {"": ""} | {name: f"about {name}" for name in names}
