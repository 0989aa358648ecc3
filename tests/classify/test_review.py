"""The desk of rumours: what goes out, what comes back, and that a wrong sheet changes nothing."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from barometer.classify.review import ASKED, SHEET, review_sheet, send_out, take_in
from barometer.classify.rulings import read_rulings, rulings_folders
from barometer.classify.rumours import group_rumours
from barometer.errors import BadConfiguration, BadInput
from barometer.night import Night
from tests.classify.made import a_night_with_model, nights_later, put_claims, table

LIBRARY = "They say the library on Mill Lane will close and be sold for flats"
WATER = "Apparently the tap water round Beckside is contaminated with lead"


@pytest.fixture
def night(tmp_path: Path) -> Night:
    """A night on which two claims were told, one of them by three people."""
    made = a_night_with_model(tmp_path)
    texts = (LIBRARY, f"{LIBRARY} soon", f"{LIBRARY} now", WATER)
    put_claims(made, *({"post": f"{n:02x}", "author": f"{n:02x}", "text": text} for n, text in enumerate(texts)))
    group_rumours(made, model="linear")
    return made


def filled(night: Night, path: Path, **cells: str) -> Path:
    """The night's sheet with `cells` in its first row."""
    sheet = review_sheet(night).with_row_index("row")
    first = pl.col("row") == 0
    columns = [pl.when(first).then(pl.lit(text)).otherwise(name).alias(name) for name, text in cells.items()]
    sheet.with_columns(columns).drop("row").write_csv(path)
    return path


def test_a_sheet_shows_every_rumour_that_lives_with_a_masked_post(night: Night) -> None:
    sheet = review_sheet(night)
    assert sheet.columns == [*SHEET, *ASKED, "note"]
    assert sheet.height == 2
    assert sheet["voices"].to_list() == ["3", "1"]
    assert sheet["example"][1] == WATER
    assert sheet.select(*ASKED, "note").null_count().row(0) == (2,) * 5


def test_a_night_without_rumours_has_no_sheet(tmp_path: Path) -> None:
    made = a_night_with_model(tmp_path)
    with pytest.raises(BadInput, match="no rumour lives in testville on 2026-05-09"):
        send_out(made, tmp_path / "sheet.csv")
    assert not (tmp_path / "sheet.csv").exists()


def test_a_decision_comes_back_and_holds_on_the_night(night: Night, tmp_path: Path) -> None:
    send_out(night, tmp_path / "sheet.csv")
    path = filled(night, tmp_path / "sheet.csv", title=" The library closes ", status="assessed", note="rang them")
    rumour = review_sheet(night)["rumour"][0]
    assert take_in(night, path) == 2
    found = read_rulings(*rulings_folders(night), night=night.night)
    assert found.title == {rumour: "The library closes"}
    assert found.status == {rumour: "assessed"}
    group_rumours(night, model="linear")
    row = table(night, "rumours").filter(pl.col("rumour") == rumour).to_dicts()[0]
    assert (row["title"], row["status"], row["status_by"]) == ("The library closes", "assessed", "person")


def test_the_same_sheet_twice_is_kept_once(night: Night, tmp_path: Path) -> None:
    path = filled(night, tmp_path / "sheet.csv", title="The library closes")
    assert take_in(night, path) == 1
    before = (rulings_folders(night)[1] / "rumours.csv").read_bytes()
    assert take_in(night, path) == 0
    assert (rulings_folders(night)[1] / "rumours.csv").read_bytes() == before


def test_a_later_sheet_adds_to_what_was_decided(night: Night, tmp_path: Path) -> None:
    first, second = review_sheet(night)["rumour"]
    take_in(night, filled(night, tmp_path / "a.csv", title="The library closes"))
    take_in(night, filled(night, tmp_path / "b.csv", same_as=second))
    found = read_rulings(*rulings_folders(night), night=night.night)
    assert found.title == {first: "The library closes"}
    assert found.into(first) == second


def test_a_decision_that_was_overruled_can_be_made_again(night: Night, tmp_path: Path) -> None:
    rumour = review_sheet(night)["rumour"][0]
    sheets = {word: filled(night, tmp_path / f"{word}.csv", status=word) for word in ("assessed", "answered")}
    for days, word in enumerate(("assessed", "answered", "assessed")):
        later = nights_later(night, days)
        assert take_in(later, sheets[word]) == 1
        assert read_rulings(*rulings_folders(later), night=later.night).status == {rumour: word}


def test_of_two_words_on_one_night_the_second_holds(night: Night, tmp_path: Path) -> None:
    sheets = [filled(night, tmp_path / f"{word}.csv", title=word) for word in ("One", "Two")]
    for sheet in (*sheets, sheets[0]):
        assert take_in(night, sheet) == 1
    assert list(read_rulings(*rulings_folders(night), night=night.night).title.values()) == ["One"]


def test_of_a_wrong_sheet_nothing_is_kept(night: Night, tmp_path: Path) -> None:
    path = filled(night, tmp_path / "sheet.csv", title="The library closes", evidence="no-such-claim", status="perhaps")
    with pytest.raises(BadConfiguration) as caught:
        take_in(night, path)
    assert "nothing was kept of the sheet" in str(caught.value)
    assert "'no-such-claim' is not in the city's library" in str(caught.value)
    assert "'perhaps' is no status" in str(caught.value)
    assert not rulings_folders(night)[1].exists()


def test_a_sheet_without_its_columns_is_refused_by_name(night: Night, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    review_sheet(night).drop("title", "status").write_csv(path)
    with pytest.raises(BadInput, match="has no column title, status; write the sheet anew"):
        take_in(night, path)


def test_a_sheet_that_is_no_table_is_refused(night: Night, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        take_in(night, tmp_path / "absent.csv")


def test_a_text_like_a_formula_goes_out_guarded_and_comes_back_plain(night: Night, tmp_path: Path) -> None:
    path = filled(night, tmp_path / "sheet.csv", title="'=The library closes")
    take_in(night, path)
    assert list(read_rulings(*rulings_folders(night), night=night.night).title.values()) == ["=The library closes"]
