"""The files of a city folder: what each must hold, read so that every mistake in every file is found at once.

`barometer/city.py` is the way in; this module only reads files, `barometer/city_checks.py` compares them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import polars as pl
import shapely
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

CITY_FILE = "city.yaml"
THRESHOLDS_FILE = "thresholds.yaml"
SOURCES_FILE = "SOURCES.md"
ICC_INDEX_FILE = "icc_index.yaml"

ALIAS_KINDS = ("name", "locality", "landmark", "nickname", "misspelling")
MARGIN_UNITS = ("persons", "households")
# More rows than this share one line of the message: a wholly wrong column must not hide the other mistakes.
ROWS_SHOWN = 5

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Model = TypeVar("Model", bound=BaseModel)


class Mistakes(list[str]):
    """Every mistake found in a city folder, one line each: file, place, what is wrong, what to do."""

    def add(self, file: str, place: str, what: str, advice: str) -> None:
        """Note one mistake; `place` may be empty when it concerns the whole file."""
        where = f"{file}, {place}" if place else file
        self.append(f"{where}: {what}; {advice}")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Geography(_Strict):
    """One division of the city into areas; the primary one holds the neighbourhoods that are published."""

    id: Identifier
    name: str = Field(min_length=1)
    is_primary: bool = False


class Attribution(_Strict):
    """Where data of the folder come from: what a release must print, the licence, and the files they are in."""

    statement: str = Field(min_length=1)
    licence: str = Field(min_length=1)
    url: str = ""
    files: tuple[str, ...] = Field(min_length=1)

    @property
    def line(self) -> str:
        """One sentence for a release page."""
        return f"{self.statement} ({self.licence})"


_SECRET_NAME = re.compile(
    r"(^|_)(token|password|passwd|passphrase|secret|key|apikey|credentials?|authorization|bearer)s?$", re.IGNORECASE
)
_SECRET_IN_URL = re.compile(r"^[a-z]+://[^/@\s]+@|[?&][^=&]*(token|password|secret|key)[^=&]*=", re.IGNORECASE)


def _is_secret(name: str, value: object) -> bool:
    """Whether an option is a credential by its name, or by standing in an address."""
    return bool(_SECRET_NAME.search(name)) or (isinstance(value, str) and bool(_SECRET_IN_URL.search(value)))


class SourceConfig(_Strict):
    """One configured origin of rows: files below the city's inbox, or a live service; its signal and its format."""

    id: Identifier
    signal: Literal["posts", "answers", "reports", "observations", "counts", "removals"]
    kind: Literal["files", "live"] = "files"
    format: Identifier
    path: str = Field(default="", description="files: folder or glob, relative to the city's inbox")
    service: str = Field(default="", pattern=r"^[a-z0-9_]*$", description="live: which service (barometer sources add)")
    connection: str = Field(
        default="",
        pattern=r"^[a-z0-9_]*$",
        description="live: name of the Airflow connection, or of the variables BAROMETER_SECRET_<NAME>_*, with secrets",
    )
    is_synthetic: bool
    pool: str = "default_pool"
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("path")
    @classmethod
    def _stays_in_the_inbox(cls, path: str) -> str:
        parts = PurePosixPath(path.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or ":" in path:
            raise ValueError(f"{path!r} leaves the inbox; write it relative to the city's inbox, e.g. posts/*.jsonl*")
        return path

    @field_validator("options")
    @classmethod
    def _holds_no_secret(cls, options: dict[str, Any]) -> dict[str, Any]:
        found = sorted(name for name, value in options.items() if _is_secret(name, value))
        if found:
            raise ValueError(
                f"{', '.join(found)} would keep a secret in a file: take it out, and set it in the environment or an "
                "Airflow connection (barometer sources check says under which name)"
            )
        return options

    @model_validator(mode="after")
    def _says_where_rows_come_from(self) -> SourceConfig:
        wanted, other = ("path", "service") if self.kind == "files" else ("service", "path")
        if not getattr(self, wanted):
            raise ValueError(f"kind {self.kind} needs {wanted}: say which")
        if getattr(self, other):
            raise ValueError(f"kind {self.kind} has no {other}: leave it out, or change kind")
        return self

    @model_validator(mode="after")
    def _answers_have_a_codebook(self) -> SourceConfig:
        if self.signal == "answers" and not isinstance(self.options.get("codebook"), str):
            raise ValueError("answers need options: {codebook: <file in configs/codebooks>}")
        return self


class Thresholds(_Strict):
    """What a city decides about publishing and matching. Defaults are the project's; a city may be stricter."""

    minimum_n: int = Field(default=10, ge=10, description="fewest respondents or authors behind a published cell")
    reliability: float = Field(default=0.7, ge=0, le=1, description="least reliability of a direct estimate")
    place_confidence: float = Field(default=0.5, ge=0, le=1, description="least confidence at which a post is placed")
    meng_defect_correlation: float = Field(
        default=0.02, gt=0, lt=1, description="assumed correlation of being heard and the answer (Meng 2018)"
    )
    near_duplicate_similarity: float = Field(default=0.8, gt=0, le=1, description="Jaccard similarity of near copies")
    adult_age_years: int = Field(default=16, ge=0, le=25, description="youngest age that counts as adult")
    raw_retention_days: int = Field(default=30, ge=1, description="days received posts are kept before purging")


class CityDescription(_Strict):
    """`city.yaml`."""

    id: Identifier
    name: str = Field(min_length=1)
    country: str = Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2")
    timezone: str
    is_synthetic: bool
    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")], ...]
    site_languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")], ...] = ("en",)
    geography_from: Identifier | None = None
    geographies: tuple[Geography, ...] = ()
    attribution: tuple[Attribution, ...] = ()
    sources: tuple[SourceConfig, ...] = ()
    contact: str = Field(
        default="",
        pattern=r"^(|https://[^\s()]+|[^\s()@]+@[^\s()@]+)$",
        description="e-mail or web page of who runs this: live services are told it with every request",
    )

    @field_validator("languages")
    @classmethod
    def _are_some(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        if not languages:
            raise ValueError("names no language; list those that posts may be in, e.g. [en, ur]")
        return languages

    @field_validator("timezone")
    @classmethod
    def _is_a_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (OSError, ValueError, KeyError):
            raise ValueError(f"{name!r} is no IANA time zone; write e.g. Europe/London") from None
        return name


class IccScore(_Strict):
    """Core and extended score of an index or a sub-index, 0 to 100; null where the city has not entered it."""

    id: Identifier
    name: str = Field(min_length=1)
    core: float | None = Field(ge=0, le=100)
    extended: float | None = Field(ge=0, le=100)


class IccIndicator(IccScore):
    """One of the twelve indices."""

    sub_indices: tuple[IccScore, ...] = ()


class IccYear(_Strict):
    """One year's scores of the Intercultural Cities Index."""

    year: int | None = Field(ge=2008, le=2100)
    source: str | None
    indices: tuple[IccIndicator, ...]

    @property
    def is_filled_in(self) -> bool:
        """At least one score has been entered."""
        scores = [score for index in self.indices for score in (index, *index.sub_indices)]
        return any(score.core is not None or score.extended is not None for score in scores)

    @model_validator(mode="after")
    def _is_complete(self) -> IccYear:
        ids = [index.id for index in self.indices]
        if sorted(ids) != sorted(ICC_INDICES):
            wrong = sorted(set(ids) - set(ICC_INDICES)) or sorted({name for name in ids if ids.count(name) > 1})
            lacking = sorted(set(ICC_INDICES) - set(ids))
            raise ValueError(f"needs the twelve indices of the ICC: lacking {lacking}, wrong or repeated {wrong}")
        lens = next(index for index in self.indices if index.id == "intercultural_lens")
        if sorted(score.id for score in lens.sub_indices) != sorted(ICC_LENS):
            raise ValueError(f"intercultural_lens must have the sub_indices {', '.join(ICC_LENS)}")
        if self.is_filled_in and (self.year is None or not self.source):
            raise ValueError("scores are entered, so year and source must say from when and where they are")
        return self


class IccIndex(IccYear):
    """`icc_index.yaml`: a city's own entries of the Intercultural Cities Index, the newest year's and earlier ones."""

    is_synthetic: bool
    foreign_born_percent: float | None = Field(
        default=None, ge=0, le=100, description="residents born abroad; the programme compares cities by it"
    )
    earlier: tuple[IccYear, ...] = ()

    @property
    def years(self) -> tuple[IccYear, ...]:
        """Every year with scores, oldest first."""
        return tuple(sorted((y for y in (*self.earlier, self) if y.is_filled_in), key=lambda entry: entry.year or 0))

    @model_validator(mode="after")
    def _has_each_year_once(self) -> IccIndex:
        years = [entry.year for entry in self.years]
        if len(set(years)) < len(years):
            raise ValueError("has scores of one year twice: keep one of them")
        if self.earlier and (self.year is None or any((entry.year or 0) >= self.year for entry in self.earlier)):
            raise ValueError("the newest year's scores stand first, older years' under `earlier`")
        return self


ICC_INDICES = (
    "commitment",
    "intercultural_lens",
    "mediation_and_conflict_resolution",
    "language",
    "media_and_communication",
    "international_outlook",
    "intercultural_intelligence_and_competence",
    "welcoming_newcomers",
    "leadership_and_citizenship",
    "anti_discrimination",
    "participation",
    "interaction",
)
ICC_LENS = (
    "education",
    "neighbourhoods",
    "public_services",
    "business_and_labour_market",
    "cultural_and_social_life",
    "public_space",
)


@dataclass(frozen=True)
class Column:
    """One column of a CSV file: its type and what its values may be."""

    name: str
    dtype: type[pl.DataType] = pl.String
    may_be_empty: bool = False
    minimum: float | None = None
    maximum: float | None = None
    among: tuple[str, ...] = ()
    pattern: str = ""
    advice: str = ""


@dataclass(frozen=True)
class Sheet:
    """One CSV file of a city folder."""

    file: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    is_required: bool = False

    @property
    def schema(self) -> dict[str, type[pl.DataType]]:
        """Column name -> polars type."""
        return {column.name: column.dtype for column in self.columns}


_AREA = Column("area")
_COUNT = {"dtype": pl.Int64, "minimum": 0}

SHEETS: dict[str, Sheet] = {
    sheet.file.removesuffix(".csv"): sheet
    for sheet in (
        Sheet(
            "areas.csv",
            (
                Column("geography"),
                _AREA,
                Column("name"),
                Column("population", pl.Int64, may_be_empty=True, minimum=0),
                Column("adults", pl.Int64, may_be_empty=True, minimum=0),
            ),
            key=("geography", "area"),
            is_required=True,
        ),
        Sheet(
            "adjacency.csv",
            (Column("geography"), _AREA, Column("neighbour")),
            key=("geography", "area", "neighbour"),
            is_required=True,
        ),
        Sheet(
            "population.csv",
            (
                _AREA,
                Column("age_band", pattern=r"^\d+(-\d+|\+)$", advice="write e.g. 16-24 or 75+"),
                Column("persons", pl.Int64, minimum=0),
            ),
            key=("area", "age_band"),
        ),
        Sheet(
            "margins.csv",
            (
                Column("margin", pattern=r"^[a-z][a-z0-9_]*$", advice="write lower case with underscores"),
                Column("category"),
                Column("area", may_be_empty=True),
                Column("persons", pl.Int64, minimum=0),
                Column("unit", among=MARGIN_UNITS),
                Column("base"),
            ),
            key=("margin", "category", "area"),
        ),
        Sheet(
            "covariates.csv",
            (
                _AREA,
                Column("covariate", pattern=r"^[a-z][a-z0-9_]*$", advice="write lower case with underscores"),
                Column("value", pl.Float64),
                Column("unit"),
                Column("year", pl.Int64, minimum=1900, maximum=2100),
            ),
            key=("area", "covariate", "year"),
        ),
        Sheet("aliases.csv", (Column("alias"), _AREA, Column("kind", among=ALIAS_KINDS)), key=("alias", "area")),
        Sheet(
            "crosswalk.csv",
            (
                _AREA,
                Column("geography"),
                Column("other_area"),
                Column("share", pl.Float64, minimum=0, maximum=1),
            ),
            key=("area", "geography", "other_area"),
        ),
        Sheet("codes.csv", (Column("code"), _AREA), key=("code",)),
        Sheet(
            "postcodes.csv",
            (
                Column("postcode_prefix", pattern=r"^[A-Z0-9]+$", advice="write capitals and digits without spaces"),
                _AREA,
            ),
            key=("postcode_prefix",),
        ),
    )
}


def read_yaml(path: Path, model: type[Model], mistakes: Mistakes) -> Model | None:
    """Read `path` as `model`; on any mistake notes all of them and returns None, so that other files get read too."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mistakes.add(path.name, "", f"cannot be read ({_one_line(error)})", "restore it or mend its YAML")
        return None
    try:
        return model.model_validate({} if content is None else content)
    except ValidationError as error:
        for found in error.errors(include_url=False, include_context=False):
            place = ".".join(str(part) for part in found["loc"])
            problem = found["msg"].removeprefix("Value error, ")
            mistakes.add(path.name, f"field {place}" if place else "", problem, _advice(found["type"]))
        return None


def _advice(kind: str) -> str:
    return {"missing": "add it", "extra_forbidden": "remove it or mend its name"}.get(kind, "mend it")


def read_sheet(folder: Path, name: str, mistakes: Mistakes) -> pl.DataFrame:
    """Read `<folder>/<name>.csv` by its `SHEETS` entry; an optional file that is absent gives an empty frame.

    Notes every mistake with its row numbers (the header is row 1) and returns only rows and columns fit to compare.
    """
    return read_csv_file(folder, SHEETS[name], mistakes)


def read_csv_file(folder: Path, sheet: Sheet, mistakes: Mistakes) -> pl.DataFrame:
    """Read `<folder>/<sheet.file>` as `read_sheet` does, by a `Sheet` that belongs to one step only."""
    if not (folder / sheet.file).is_file():
        if sheet.is_required:
            mistakes.add(sheet.file, "", "is missing", f"write it with the columns {','.join(sheet.schema)}")
        return pl.DataFrame(schema=sheet.schema)
    raw = _read_strings(folder / sheet.file, sheet, mistakes)
    return pl.DataFrame(schema=sheet.schema) if raw is None else _typed(raw, sheet, mistakes)


def _read_strings(path: Path, sheet: Sheet, mistakes: Mistakes) -> pl.DataFrame | None:
    """Every column as text, stripped; None when the file or its header is not as declared."""
    try:
        raw = pl.read_csv(path, infer_schema=False, encoding="utf8")
    except (pl.exceptions.PolarsError, OSError) as error:
        mistakes.add(sheet.file, "", f"cannot be read ({_one_line(error)[:120]})", "save it as CSV in UTF-8")
        return None
    lacking = [name for name in sheet.schema if name not in raw.columns]
    unknown = [name for name in raw.columns if name not in sheet.schema]
    for column in lacking:
        mistakes.add(sheet.file, f"column {column}", "is missing", "add it")
    for column in unknown:
        mistakes.add(sheet.file, f"column {column}", "is unknown", f"the columns are {','.join(sheet.schema)}")
    stripped = pl.all().str.strip_chars()
    return None if lacking else raw.select(list(sheet.schema)).with_columns(pl.when(stripped != "").then(stripped))


def _typed(raw: pl.DataFrame, sheet: Sheet, mistakes: Mistakes) -> pl.DataFrame:
    """Cast to the declared types, note what breaks a rule, and keep the rows that break none."""
    typed = raw.with_columns(pl.col(c.name).cast(c.dtype, strict=False) for c in sheet.columns)
    bad = pl.Series([False] * raw.height, dtype=pl.Boolean)
    for column in sheet.columns:
        for breaks, what, advice in _rules(raw[column.name], typed[column.name], column):
            if breaks.any():
                mistakes.add(sheet.file, f"column {column.name}, {_rows(raw[column.name], breaks)}", what, advice)
                bad = bad | breaks
    repeated = typed.select(pl.struct(sheet.key).is_duplicated()).to_series() & ~bad
    if repeated.any():
        shown = typed.select(pl.concat_str(sheet.key, separator=" / ", ignore_nulls=True)).to_series()
        mistakes.add(sheet.file, _rows(shown, repeated), f"share one {' + '.join(sheet.key)}", "keep one of them")
    return typed.filter(~bad)


def _rules(raw: pl.Series, typed: pl.Series, column: Column) -> Iterable[tuple[pl.Series, str, str]]:
    """(rows that break the rule, what is wrong, what to do) for each rule of a column."""
    if not column.may_be_empty:
        yield raw.is_null(), "is empty", "fill it in or remove the row"
    if column.dtype != pl.String:
        unread = raw.is_not_null() & typed.is_null()
        if column.dtype == pl.Float64:
            unread = unread | ~typed.is_finite().fill_null(True)
        kind = "a whole number" if column.dtype == pl.Int64 else "a number"
        yield unread, f"is not {kind}", "write digits only"
    if column.minimum is not None:
        yield (typed < column.minimum).fill_null(False), f"is below {column.minimum:g}", "mend the value"
    if column.maximum is not None:
        yield (typed > column.maximum).fill_null(False), f"is above {column.maximum:g}", "mend the value"
    if column.among:
        allowed = ", ".join(column.among)
        yield (~typed.is_in(column.among)).fill_null(False), "is not allowed", f"write one of {allowed}"
    if column.pattern:
        yield (~typed.str.contains(column.pattern)).fill_null(False), "is written wrongly", column.advice


def _rows(values: pl.Series, chosen: pl.Series) -> str:
    """`row 3 ('x')` or `rows 3 ('x'), 4 (''), … and 12 more`; the header is row 1."""
    indices = chosen.arg_true().to_list()
    shown = ", ".join(f"{index + 2} ({values[index] or ''!r})" for index in indices[:ROWS_SHOWN])
    more = f" and {len(indices) - ROWS_SHOWN} more" if len(indices) > ROWS_SHOWN else ""
    return f"{'row' if len(indices) == 1 else 'rows'} {shown}{more}"


@dataclass(frozen=True)
class Shapes:
    """Boundaries of one geography: the GeoJSON as written, and per feature its area code, name and geometry."""

    collection: dict[str, Any]
    areas: tuple[str, ...]
    names: tuple[str, ...]
    geometries: tuple[BaseGeometry, ...]


NO_SHAPES = Shapes({"type": "FeatureCollection", "features": []}, (), (), ())


def boundary_file(geography: str) -> str:
    """Name of a geography's boundary file, relative to the city folder."""
    return f"boundaries/{geography}.geojson"


def read_boundaries(folder: Path, geography: str, mistakes: Mistakes) -> Shapes:
    """Read a geography's GeoJSON (WGS84, one feature an area, properties `area` and `name`), noting every mistake."""
    file = boundary_file(geography)
    try:
        collection = json.loads((folder / file).read_text("utf-8"))
        features = list(collection["features"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        mistakes.add(file, "", f"cannot be read ({_one_line(error)[:120]})", "write a GeoJSON FeatureCollection")
        return NO_SHAPES
    if not features:
        mistakes.add(file, "", "holds no area", "draw every area of areas.csv")
    good = [row for row in enumerate(features) if _is_sound(file, *row, mistakes)]
    properties = [feature["properties"] for _, feature in good]
    return Shapes(
        collection=collection,
        areas=tuple(str(item["area"]) for item in properties),
        names=tuple(str(item["name"]) for item in properties),
        geometries=tuple(shape(feature["geometry"]) for _, feature in good),
    )


def _is_sound(file: str, index: int, feature: Any, mistakes: Mistakes) -> bool:
    """A feature has its two properties and a valid (multi-)polygon in degrees; otherwise notes why not."""
    place = f"feature {index + 1}"
    try:
        place = f"{place} ({feature['properties']['area']}, {feature['properties']['name']})"
        geometry = shape(feature["geometry"])
    except (KeyError, TypeError, AttributeError, ValueError, shapely.errors.ShapelyError) as error:
        mistakes.add(file, place, f"is no area ({_one_line(error)})", "give it properties area and name, and a polygon")
        return False
    problem = _geometry_problem(geometry)
    if problem:
        mistakes.add(file, place, problem, "mend the boundary (in a GIS: fix geometries, project to WGS84)")
    return not problem


def _geometry_problem(geometry: BaseGeometry) -> str:
    if geometry.geom_type not in ("Polygon", "MultiPolygon") or geometry.is_empty:
        return f"is a {geometry.geom_type}, not a polygon, or is empty"
    if not geometry.is_valid:
        return f"is invalid: {shapely.is_valid_reason(geometry)}"
    west, south, east, north = geometry.bounds
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        return "is not in degrees of longitude and latitude"
    return ""


def names(values: Iterable[str], limit: int = ROWS_SHOWN) -> str:
    """At most `limit` of the values, sorted, and how many more there are."""
    listed: Sequence[str] = sorted(set(values))
    more = f" and {len(listed) - limit} more" if len(listed) > limit else ""
    return ", ".join(listed[:limit]) + more


def _one_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error)).strip()
