"""Reading the files of a city folder: every mistake is found, and each is told with file, place and advice."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from barometer.city_files import (
    ICC_INDICES,
    ICC_LENS,
    NO_SHAPES,
    SHEETS,
    Attribution,
    CityDescription,
    IccIndex,
    Mistakes,
    SourceConfig,
    Thresholds,
    names,
    read_boundaries,
    read_sheet,
    read_yaml,
)
from tests.cities.quadville import CITY, collection, icc_index, neighbourhoods, square, tables, write_yaml

# --- one line a mistake ---------------------------------------------------------------------------------------------


def test_a_mistake_is_one_line_with_file_place_problem_and_advice() -> None:
    mistakes = Mistakes()
    mistakes.add("areas.csv", "row 3", "is empty", "fill it in")
    mistakes.add("SOURCES.md", "", "is missing", "write it")
    assert mistakes == ["areas.csv, row 3: is empty; fill it in", "SOURCES.md: is missing; write it"]


def test_many_names_are_cut_short_and_counted() -> None:
    assert names(["b", "a", "a"]) == "a, b"
    assert names(f"x{i}" for i in range(8)) == "x0, x1, x2, x3, x4 and 3 more"


# --- CSV files ------------------------------------------------------------------------------------------------------


def sheet_of(tmp_path: Path, name: str, text: str) -> tuple[pl.DataFrame, Mistakes]:
    """Read `text` as the sheet `name`."""
    (tmp_path / SHEETS[name].file).write_text(text, "utf-8")
    mistakes = Mistakes()
    return read_sheet(tmp_path, name, mistakes), mistakes


@pytest.mark.parametrize("name", list(SHEETS))
def test_a_sound_sheet_is_read_with_its_types_and_no_mistakes(tmp_path: Path, name: str) -> None:
    frame, mistakes = sheet_of(tmp_path, name, tables()[f"{name}.csv"])
    assert mistakes == []
    assert frame.schema == {column: dtype() for column, dtype in SHEETS[name].schema.items()}


@pytest.mark.parametrize("name", [name for name, sheet in SHEETS.items() if not sheet.is_required])
def test_an_absent_optional_sheet_is_an_empty_frame(tmp_path: Path, name: str) -> None:
    mistakes = Mistakes()
    frame = read_sheet(tmp_path, name, mistakes)
    assert mistakes == []
    assert frame.is_empty()
    assert list(frame.columns) == list(SHEETS[name].schema)


@pytest.mark.parametrize("name", ["areas", "adjacency"])
def test_an_absent_needed_sheet_is_a_mistake_that_says_the_columns(tmp_path: Path, name: str) -> None:
    mistakes = Mistakes()
    read_sheet(tmp_path, name, mistakes)
    assert len(mistakes) == 1
    assert mistakes[0].startswith(f"{name}.csv: is missing; write it with the columns geography,area")


def test_columns_may_stand_in_any_order(tmp_path: Path) -> None:
    frame, mistakes = sheet_of(tmp_path, "codes", "area,code\nQ1,E01\n")
    assert mistakes == []
    assert frame.rows() == [("E01", "Q1")]


def test_blanks_around_values_do_not_count(tmp_path: Path) -> None:
    frame, mistakes = sheet_of(tmp_path, "population", "area,age_band,persons\n Q1 , 0-15 , 12 \n")
    assert mistakes == []
    assert frame.rows() == [("Q1", "0-15", 12)]


def test_a_missing_and_an_unknown_column_are_two_mistakes(tmp_path: Path) -> None:
    frame, mistakes = sheet_of(tmp_path, "codes", "Code,area\nE01,Q1\n")
    assert mistakes == [
        "codes.csv, column code: is missing; add it",
        "codes.csv, column Code: is unknown; the columns are code,area",
    ]
    assert frame.is_empty()


def test_an_unknown_column_beside_all_the_known_ones_leaves_the_rows_readable(tmp_path: Path) -> None:
    frame, mistakes = sheet_of(tmp_path, "codes", "code,area,note\nE01,Q1,x\n")
    assert mistakes == ["codes.csv, column note: is unknown; the columns are code,area"]
    assert frame.rows() == [("E01", "Q1")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "cannot be read", id="empty file"),
        pytest.param(b"code,area\nE01,Q\xff1\n", "save it as CSV in UTF-8", id="not UTF-8"),
        pytest.param(b'code,area\nE01,"Q1\n', "", id="an open quotation mark"),
        pytest.param(b"code,area\nE01,Q1,Q2,Q3\n", "cannot be read", id="too many fields"),
    ],
)
def test_a_file_that_is_no_csv_is_one_clear_mistake(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "codes.csv").write_bytes(content)
    mistakes = Mistakes()
    read_sheet(tmp_path, "codes", mistakes)
    assert len(mistakes) <= 1
    assert all(said in line and "\n" not in line for line in mistakes)
    assert mistakes or not said


@pytest.mark.parametrize(
    ("name", "row", "said"),
    [
        ("population", "Q9,0-15,many", "column persons, row 3 ('many'): is not a whole number; write digits only"),
        ("population", "Q9,0-15,1.5", "column persons, row 3 ('1.5'): is not a whole number"),
        ("population", "Q9,0-15,-3", "column persons, row 3 ('-3'): is below 0; mend the value"),
        ("population", "Q9,0-15,", "column persons, row 3 (''): is empty; fill it in or remove the row"),
        ("population", ",0-15,4", "column area, row 3 (''): is empty"),
        ("population", "Q9,young,4", "column age_band, row 3 ('young'): is written wrongly; write e.g. 16-24 or 75+"),
        ("covariates", "Q9,x,nan,share,2021", "column value, row 3 ('nan'): is not a number"),
        ("covariates", "Q9,x,inf,share,2021", "column value, row 3 ('inf'): is not a number"),
        ("covariates", "Q9,x,0.1,share,1066", "column year, row 3 ('1066'): is below 1900"),
        ("covariates", "Q9,x,0.1,share,3000", "column year, row 3 ('3000'): is above 2100"),
        ("covariates", "Q9,Owned Share,0.1,share,2021", "column covariate, row 3 ('Owned Share'): is written wrongly"),
        ("crosswalk", "Q9,ward,W1,1.2", "column share, row 3 ('1.2'): is above 1"),
        ("aliases", "Town,Q9,street", "column kind, row 3 ('street'): is not allowed; write one of name, locality"),
        ("margins", "Sex,man,,5,persons,adults", "column margin, row 3 ('Sex'): is written wrongly"),
        ("margins", "sex,man,,5,people,adults", "column unit, row 3 ('people'): is not allowed; write one of persons"),
        ("postcodes", "qv 3,Q1", "column postcode_prefix, row 3 ('qv 3'): is written wrongly; write capitals"),
        ("areas", "hood,Q9,Nine,-1,0", "column population, row 3 ('-1'): is below 0"),
    ],
)
def test_a_bad_value_is_named_with_its_row_and_what_to_do(tmp_path: Path, name: str, row: str, said: str) -> None:
    header, first, *_ = tables()[f"{name}.csv"].splitlines()
    frame, mistakes = sheet_of(tmp_path, name, f"{header}\n{first}\n{row}\n")
    assert len(mistakes) == 1
    assert mistakes[0].startswith(f"{name}.csv, {said}")
    assert frame.height == 1, "the sound row stays, so that the files can still be compared"


def test_every_bad_cell_of_a_row_is_told(tmp_path: Path) -> None:
    _, mistakes = sheet_of(tmp_path, "covariates", "area,covariate,value,unit,year\n,Big,x,,1\n")
    assert {line.split(",")[1].strip() for line in mistakes} == {
        "column area",
        "column covariate",
        "column value",
        "column unit",
        "column year",
    }


def test_a_wholly_wrong_column_is_one_line_with_a_count(tmp_path: Path) -> None:
    rows = "\n".join(f"Q{i},0-15,many" for i in range(40))
    _, mistakes = sheet_of(tmp_path, "population", f"area,age_band,persons\n{rows}\n")
    assert len(mistakes) == 1
    assert "rows 2 ('many'), 3 ('many')" in mistakes[0]
    assert "and 35 more" in mistakes[0]


def test_rows_that_share_a_key_are_named(tmp_path: Path) -> None:
    text = "code,area\nE01,Q1\nE02,Q2\nE01,Q3\n"
    _, mistakes = sheet_of(tmp_path, "codes", text)
    assert mistakes == ["codes.csv, rows 2 ('E01'), 4 ('E01'): share one code; keep one of them"]


def test_a_key_with_an_empty_part_can_repeat_too(tmp_path: Path) -> None:
    text = "margin,category,area,persons,unit,base\nage,old,,1,persons,all\nage,old,,2,persons,all\n"
    _, mistakes = sheet_of(tmp_path, "margins", text)
    assert len(mistakes) == 1
    assert "share one margin + category + area" in mistakes[0]


_CELL = st.text(st.characters(codec="utf-8", exclude_characters='",\r\n'), max_size=8)


@given(rows=st.lists(st.tuples(_CELL, _CELL, _CELL), min_size=1, max_size=12))
def test_whatever_stands_in_the_cells_only_sound_rows_stay_and_none_goes_unsaid(
    tmp_path: Path, rows: list[tuple[str, str, str]]
) -> None:
    text = "area,age_band,persons\n" + "\n".join(",".join(row) for row in rows) + "\n"
    frame, mistakes = sheet_of(tmp_path, "population", text)
    assert frame["persons"].null_count() == 0
    assert (frame["persons"] >= 0).all()
    assert frame["age_band"].str.contains(r"^\d+(-\d+|\+)$").all()
    if frame.height < len(rows):
        assert mistakes
    assert all("\n" not in line for line in mistakes)


# --- YAML files -----------------------------------------------------------------------------------------------------


def yaml_mistakes(tmp_path: Path, content: Any, model: type[Any]) -> list[str]:
    mistakes = Mistakes()
    write_yaml(tmp_path / "some.yaml", content)
    assert (read_yaml(tmp_path / "some.yaml", model, mistakes) is None) == bool(mistakes)
    return mistakes


def test_a_sound_description_is_read(tmp_path: Path) -> None:
    mistakes = Mistakes()
    write_yaml(tmp_path / "city.yaml", CITY)
    description = read_yaml(tmp_path / "city.yaml", CityDescription, mistakes)
    assert mistakes == []
    assert description is not None
    assert description.id == "quadville"
    assert [source.id for source in description.sources] == ["forum", "pulse"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "Quad Ville"}, "field id: String should match pattern"),
        ({"name": ""}, "field name: String should have at least 1 character"),
        ({"country": "Britain"}, "field country: String should match pattern"),
        ({"timezone": "Europe/Bradford"}, "field timezone: 'Europe/Bradford' is no IANA time zone; write e.g. Europe"),
        ({"timezone": "../../etc/passwd"}, "field timezone: '../../etc/passwd' is no IANA time zone"),
        ({"is_synthetic": "perhaps"}, "field is_synthetic: Input should be a valid boolean"),
        ({"languages": []}, "field languages: names no language; list those"),
        ({"languages": ["English"]}, "field languages.0: String should match pattern"),
        ({"mayor": "somebody"}, "field mayor: Extra inputs are not permitted; remove it or mend its name"),
        ({"attribution": [{"statement": "x", "licence": "y"}]}, "field attribution.0.files: Field required; add it"),
    ],
)
def test_a_bad_field_is_named_with_what_to_do(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    mistakes = yaml_mistakes(tmp_path, CITY | changes, CityDescription)
    assert len(mistakes) == 1
    assert mistakes[0].startswith(f"some.yaml, {said}")


def test_every_bad_field_is_named_at_once(tmp_path: Path) -> None:
    mistakes = yaml_mistakes(tmp_path, {"id": "X", "country": "gb", "sources": [{"id": "a"}]}, CityDescription)
    places = {line.split(":")[0].removeprefix("some.yaml, field ") for line in mistakes}
    assert {"id", "country", "name", "timezone", "is_synthetic", "languages"} <= places
    assert {f"sources.0.{field}" for field in ("signal", "format", "is_synthetic")} <= places


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"path": ""}, "kind files needs path: say which"),
        ({"kind": "live", "path": ""}, "kind live needs service: say which"),
        ({"kind": "live", "service": "kobo"}, "kind live has no path: leave it out, or change kind"),
        ({"service": "kobo"}, "kind files has no service: leave it out, or change kind"),
        ({"connection": "a secret!"}, "String should match pattern"),
    ],
)
def test_a_source_says_where_its_rows_come_from(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    source = {"id": "forum", "signal": "posts", "format": "jsonl", "path": "posts/*.jsonl", "is_synthetic": False}
    (mistake,) = yaml_mistakes(tmp_path, CITY | {"sources": [source | changes]}, CityDescription)
    assert said in mistake


def test_a_live_source_is_read(tmp_path: Path) -> None:
    source = {
        "id": "pulse",
        "signal": "posts",
        "kind": "live",
        "service": "kobo",
        "format": "kobo",
        "is_synthetic": False,
    }
    assert yaml_mistakes(tmp_path, CITY | {"sources": [source]}, CityDescription) == []


@pytest.mark.parametrize("content", ["id: [unclosed", "a: b: c", "\t- x"])
def test_broken_yaml_is_one_mistake(tmp_path: Path, content: str) -> None:
    (tmp_path / "city.yaml").write_text(content)
    mistakes = Mistakes()
    assert read_yaml(tmp_path / "city.yaml", CityDescription, mistakes) is None
    assert len(mistakes) == 1
    assert mistakes[0].startswith("city.yaml: cannot be read (")
    assert mistakes[0].endswith("restore it or mend its YAML")


def test_bytes_that_are_no_text_are_one_mistake(tmp_path: Path) -> None:
    (tmp_path / "city.yaml").write_bytes(b"\xff\xfe\x00id")
    mistakes = Mistakes()
    assert read_yaml(tmp_path / "city.yaml", CityDescription, mistakes) is None
    assert len(mistakes) == 1


@pytest.mark.parametrize("content", ["- a\n- b\n", "just words\n", "42\n"])
def test_yaml_of_another_shape_is_a_mistake(tmp_path: Path, content: str) -> None:
    (tmp_path / "city.yaml").write_text(content)
    mistakes = Mistakes()
    assert read_yaml(tmp_path / "city.yaml", CityDescription, mistakes) is None
    assert "valid dictionary" in mistakes[0]


def test_an_empty_file_of_thresholds_means_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "thresholds.yaml").write_text("# nothing yet\n")
    assert read_yaml(tmp_path / "thresholds.yaml", Thresholds, Mistakes()) == Thresholds()


@given(content=st.text(max_size=60))
def test_any_text_as_yaml_is_read_or_refused_and_never_raises(tmp_path: Path, content: str) -> None:
    (tmp_path / "city.yaml").write_text(content, "utf-8", newline="")
    mistakes = Mistakes()
    assert read_yaml(tmp_path / "city.yaml", CityDescription, mistakes) is None
    assert mistakes
    assert all("\n" not in line for line in mistakes)


# --- sources, thresholds, attribution -------------------------------------------------------------------------------

SOURCE = {"id": "forum", "signal": "posts", "format": "jsonl", "path": "posts/*.jsonl*", "is_synthetic": False}


@pytest.mark.parametrize("path", ["/etc/passwd", "../other/posts", "posts/../../x", "C:\\posts", "\\\\host\\posts"])
def test_a_path_that_leaves_the_inbox_is_refused(path: str) -> None:
    with pytest.raises(ValidationError, match="leaves the inbox; write it relative to the city's inbox"):
        SourceConfig.model_validate(SOURCE | {"path": path})


@pytest.mark.parametrize("path", ["posts", "posts/*.jsonl*", "posts/2026/*/a.csv.gz", "posts/..hidden.csv"])
def test_a_path_in_the_inbox_is_taken(path: str) -> None:
    assert SourceConfig.model_validate(SOURCE | {"path": path}).path == path


@pytest.mark.parametrize("signal", ["posts", "reports", "observations", "counts", "removals"])
def test_only_answers_need_a_codebook(signal: str) -> None:
    assert SourceConfig.model_validate(SOURCE | {"signal": signal}).signal == signal


@pytest.mark.parametrize("options", [{}, {"codebook": None}, {"codebook": 3}])
def test_answers_without_a_codebook_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="answers need options"):
        SourceConfig.model_validate(SOURCE | {"signal": "answers", "options": options})


@pytest.mark.parametrize("change", [{"signal": "rumours"}, {"kind": "ftp"}, {"id": "My Forum"}, {"format": ""}])
def test_a_source_of_an_unknown_kind_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        SourceConfig.model_validate(SOURCE | change)


@pytest.mark.parametrize(
    "change",
    [
        {"minimum_n": 9},
        {"reliability": 1.1},
        {"reliability": -0.1},
        {"place_confidence": 2},
        {"meng_defect_correlation": 0},
        {"near_duplicate_similarity": 0},
        {"adult_age_years": 40},
        {"raw_retention_days": 0},
        {"unknown": 1},
    ],
)
def test_thresholds_out_of_range_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Thresholds.model_validate(change)


def test_a_city_may_be_stricter_but_not_laxer_than_ten() -> None:
    assert Thresholds(minimum_n=25).minimum_n == 25
    assert Thresholds(minimum_n=10).minimum_n == 10


def test_an_attribution_is_a_sentence_with_its_licence() -> None:
    attribution = Attribution(statement="Source: somebody", licence="OGL v3.0", files=("areas.csv",))
    assert attribution.line == "Source: somebody (OGL v3.0)"


# --- the ICC Index --------------------------------------------------------------------------------------------------


def test_there_are_twelve_indices_and_six_parts_of_the_lens() -> None:
    assert len(ICC_INDICES) == len(set(ICC_INDICES)) == 12
    assert len(ICC_LENS) == len(set(ICC_LENS)) == 6


def test_an_empty_template_is_sound_and_not_filled_in() -> None:
    index = IccIndex.model_validate(icc_index(None) | {"year": None, "source": None})
    assert not index.is_filled_in


def test_one_score_anywhere_fills_the_index_in() -> None:
    content = icc_index(None)
    content["indices"][1]["sub_indices"][5]["extended"] = 0
    assert IccIndex.model_validate(content).is_filled_in


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda c: c["indices"].pop(), "lacking ['interaction']", id="eleven"),
        pytest.param(lambda c: c["indices"].append(c["indices"][0]), "wrong or repeated ['commitment']", id="thirteen"),
        pytest.param(lambda c: c["indices"][3].update(id="tongues"), "repeated ['tongues']", id="other"),
        pytest.param(lambda c: c["indices"][1]["sub_indices"].pop(), "must have the sub_indices education", id="lens"),
        pytest.param(lambda c: c["indices"][0].update(core=101), "less than or equal to 100", id="above 100"),
        pytest.param(lambda c: c["indices"][0].update(core=-1), "greater than or equal to 0", id="below 0"),
        pytest.param(lambda c: c["indices"][0].pop("core"), "Field required", id="core left out"),
        pytest.param(lambda c: c.update(year=None), "year and source must say", id="scores of no year"),
        pytest.param(lambda c: c.update(source=""), "year and source must say", id="scores of no source"),
        pytest.param(lambda c: c.update(year=1999), "greater than or equal to 2008", id="before there was an index"),
        pytest.param(lambda c: c.update(total=70), "Extra inputs", id="a total"),
    ],
)  # fmt: skip
def test_a_wrong_index_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str) -> None:
    content = icc_index()
    change(content)
    mistakes = yaml_mistakes(tmp_path, content, IccIndex)
    assert len(mistakes) == 1
    assert said in mistakes[0]


# --- boundaries -----------------------------------------------------------------------------------------------------


def boundaries_of(tmp_path: Path, content: Any) -> tuple[Any, Mistakes]:
    (tmp_path / "boundaries").mkdir(exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "boundaries" / "hood.geojson").write_text(text, "utf-8")
    mistakes = Mistakes()
    return read_boundaries(tmp_path, "hood", mistakes), mistakes


def test_sound_boundaries_are_read_in_order(tmp_path: Path) -> None:
    shapes, mistakes = boundaries_of(tmp_path, neighbourhoods())
    assert mistakes == []
    assert shapes.areas == ("Q1", "Q2", "Q3", "Q4")
    assert shapes.names[0] == "Northgate"
    assert shapes.collection == neighbourhoods()
    assert [round(geometry.area, 6) for geometry in shapes.geometries] == [0.01] * 4


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"features": 3}', "null"])
def test_a_file_that_is_no_geojson_is_one_mistake(tmp_path: Path, content: str) -> None:
    shapes, mistakes = boundaries_of(tmp_path, content)
    assert shapes == NO_SHAPES
    assert len(mistakes) == 1
    assert mistakes[0].startswith("boundaries/hood.geojson: cannot be read (")


def test_an_absent_boundary_file_is_one_mistake(tmp_path: Path) -> None:
    mistakes = Mistakes()
    assert read_boundaries(tmp_path, "hood", mistakes) == NO_SHAPES
    assert len(mistakes) == 1


def bow_tie() -> dict[str, Any]:
    ring = [[-2.0, 53.0], [-1.9, 53.1], [-1.9, 53.0], [-2.0, 53.1], [-2.0, 53.0]]
    return {**square("Q1", "Northgate", -2.0), "geometry": {"type": "Polygon", "coordinates": [ring]}}


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        pytest.param(bow_tie(), "is invalid: Self-intersection", id="bow tie"),
        pytest.param({"type": "Feature", "properties": {"area": "Q1"}, "geometry": None}, "is no area", id="no name"),
        pytest.param({**square("Q1", "N", -2.0), "geometry": None}, "feature 1 (Q1, N): is no area", id="no geometry"),
        pytest.param({**square("Q1", "N", -2.0), "geometry": {"type": "Point", "coordinates": [0, 0]}},
                     "is a Point, not a polygon", id="point"),
        pytest.param(square("Q1", "Northgate", 415000.0), "is not in degrees of longitude and latitude", id="metres"),
        pytest.param({**square("Q1", "N", -2.0), "geometry": {"type": "Polygon", "coordinates": []}},
                     "or is empty", id="empty"),
        pytest.param("Q1", "feature 1: is no area", id="text"),
    ],
)  # fmt: skip
def test_a_bad_feature_is_named_and_the_others_stay(tmp_path: Path, feature: Any, said: str) -> None:
    shapes, mistakes = boundaries_of(tmp_path, collection(feature, square("Q2", "Eastfield", -1.9)))
    assert len(mistakes) == 1
    assert said in mistakes[0]
    assert shapes.areas == ("Q2",)
