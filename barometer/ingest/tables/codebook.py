"""A survey's codebook: which column of its file is which item, and what each label means. One YAML file a survey.

Labels are compared without regard to case, surrounding blanks or a trailing `.0` (statistics packages write 5 as 5.0);
`_` counts as a blank, as the names of a form's choices may hold none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from barometer.errors import BadConfiguration

MissingCode: TypeAlias = Literal["refused", "dont_know", "not_asked", "not_applicable", "no_answer"]
ROW_NUMBER = "row_number"
EMPTY = ""
"""The label that stands for an empty cell in a list of missing codes."""

_WHOLE_NUMBER = re.compile(r"^(-?\d+)\.0+$")


def label(text: str) -> str:
    """A label as labels are compared."""
    return _WHOLE_NUMBER.sub(r"\1", text.replace("_", " ").strip()).lower()


def _labels(mapping: object) -> object:
    """Labels as text; refuses those YAML has turned into truth values and those that differ only in case."""
    if not isinstance(mapping, Mapping):
        return mapping
    if any(isinstance(key, bool) for key in mapping):
        raise ValueError("put yes, no, true, false, on and off in quotation marks: YAML reads them as truth values")
    texts = [label("" if key is None else str(key)) for key in mapping]
    repeated = sorted({text for text in texts if texts.count(text) > 1})
    if repeated:
        raise ValueError(f"labels that differ only in case or blanks: {', '.join(repeated)}")
    return dict(zip(texts, mapping.values(), strict=True))


def _list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
ColumnName = Annotated[str, Field(min_length=1)]
Coding = Annotated[dict[str, float], BeforeValidator(_labels)]
Categories = Annotated[dict[str, str], BeforeValidator(_labels)]
MissingCodes = Annotated[dict[str, MissingCode], BeforeValidator(_labels)]
Columns = Annotated[tuple[ColumnName, ...], BeforeValidator(_list), Field(min_length=1)]


AnyModel = TypeVar("AnyModel", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Scale(_Strict):
    """Numbers that count as answers, both ends included."""

    minimum: float
    maximum: float

    @model_validator(mode="after")
    def _is_a_range(self) -> Scale:
        if not self.minimum < self.maximum:
            raise ValueError("minimum must lie below maximum")
        return self


class Item(_Strict):
    """One question: numbers on a `scale`, or labels with a `coding` (label -> value)."""

    column: ColumnName
    question: str = Field(min_length=1)
    unit: str = "scale points"
    scale: Scale | None = None
    coding: Coding = {}
    is_reversed: bool = Field(default=False, description="turn the scale round: value -> minimum + maximum - value")
    missing: MissingCodes = {}

    @model_validator(mode="after")
    def _says_what_answers_are(self) -> Item:
        if self.scale is None and not self.coding:
            raise ValueError("give a scale (minimum and maximum) or a coding (label: value)")
        outside = [name for name, value in self.coding.items() if not self.holds(value)]
        if outside:
            raise ValueError(f"coding puts {', '.join(outside)} outside the scale")
        if self.is_reversed and self.scale is None:
            raise ValueError("is_reversed needs a scale")
        return self

    def holds(self, value: float) -> bool:
        """Whether a value lies on the item's scale."""
        return self.scale is None or self.scale.minimum <= value <= self.scale.maximum


class Group(_Strict):
    """A grouping item: a `coding` (label -> category), numbers in `bands`, both (labels first), or the label itself."""

    column: ColumnName
    coding: Categories = {}
    bands: tuple[int, ...] = Field(default=(), description="lowest number of each band; the last has no upper end")
    missing: MissingCodes = {}

    @model_validator(mode="after")
    def _bands_rise(self) -> Group:
        if list(self.bands) != sorted(set(self.bands)):
            raise ValueError("bands must rise")
        return self

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of the bands: 16-24, 25-34, …, 75+."""
        inner = [f"{low}-{high - 1}" for low, high in zip(self.bands, self.bands[1:], strict=False)]
        return (*inner, f"{self.bands[-1]}+") if self.bands else ()


class Wave(_Strict):
    """Which wave a row belongs to: a column, or one wave for the whole file."""

    column: ColumnName | None = None
    fixed: str | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Wave:
        return _exactly_one(self, self.column, self.fixed, names="column, fixed")


class When(_Strict):
    """When a row was answered: a column (ISO 8601 or `formats`), a day for each of its labels, or one day for all."""

    column: ColumnName | None = None
    formats: tuple[str, ...] = ()
    timezone: str | None = Field(default=None, description="of times without an offset; default the city's")
    days: Annotated[dict[str, date], BeforeValidator(_labels)] = {}
    fixed: date | None = None

    @model_validator(mode="after")
    def _is_one(self) -> When:
        return _exactly_one(self, self.column, self.fixed, names="column, fixed")


class Where(_Strict):
    """Where a respondent lives: a column of names or codes, or two of coordinates (WGS84)."""

    column: ColumnName | None = None
    longitude: ColumnName | None = None
    latitude: ColumnName | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Where:
        if (self.longitude is None) != (self.latitude is None):
            raise ValueError("longitude and latitude go together")
        return _exactly_one(self, self.column, self.longitude, names="column, longitude with latitude")


class Weight(_Strict):
    """The design weight, or the probability of selection it is one over."""

    column: ColumnName
    is_probability: bool = False
    when_empty: float | None = Field(
        default=None, gt=0, description="weight of a row that has none; default: set it aside"
    )


class Consent(_Strict):
    """The column that says whether the respondent agreed, and the labels that mean yes; other rows are removed."""

    column: ColumnName
    given: tuple[str, ...] = Field(min_length=1)


class Codebook(_Strict):
    """How to read one survey's files."""

    title: str = Field(min_length=1)
    source: str = Field(min_length=1, description="who made the survey, and its licence")
    respondent: ColumnName = Field(description=f"column of the respondent's id, or {ROW_NUMBER} when there is none")
    interviewed: ColumnName | None = Field(
        default=None, description="rows where this column is empty are no interviews"
    )
    consent: Consent | None = None
    wave: Wave
    date: When
    area: Where | None = None
    weight: Weight | None = None
    cluster: Columns | None = Field(default=None, description="columns that together name the primary sampling unit")
    stratum: Columns | None = None
    missing: MissingCodes = {}
    optional: tuple[ColumnName, ...] = Field(default=(), description="columns a file may lack; they count as empty")
    items: dict[Identifier, Item] = Field(min_length=1)
    groups: dict[Identifier, Group] = {}

    @property
    def entries(self) -> tuple[Item | Group, ...]:
        """All items, then all grouping items."""
        items: tuple[Item | Group, ...] = tuple(self.items.values())
        return (*items, *self.groups.values())

    @property
    def needed(self) -> tuple[str, ...]:
        """Every column a file must have, in the codebook's order."""
        return tuple(name for name in dict.fromkeys(self._named()) if name not in self.optional)

    def _named(self) -> Iterable[str]:
        single = (self.interviewed, self.wave.column, self.date.column)
        yield from () if self.respondent == ROW_NUMBER else (self.respondent,)
        yield from (name for name in single if name)
        yield from (self.consent.column,) if self.consent else ()
        where = (self.area.column, self.area.longitude, self.area.latitude) if self.area else ()
        yield from (name for name in where if name)
        yield from (self.weight.column,) if self.weight else ()
        yield from (*(self.cluster or ()), *(self.stratum or ()))
        yield from (entry.column for entry in self.entries)

    def missing_of(self, entry: Item | Group) -> dict[str, MissingCode]:
        """Missing codes of an item: its own before the survey's; an empty cell is `no_answer` unless they say else."""
        return {EMPTY: "no_answer", **self.missing, **entry.missing}


def load_codebook(path: Path) -> Codebook:
    """Read a codebook; raises `BadConfiguration` that lists every mistake, with its field, at once."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        told = " ".join(str(error).split())
        raise BadConfiguration(f"codebook {path.name}: cannot be read ({told}); restore it or mend its YAML") from None
    try:
        return Codebook.model_validate(content)
    except ValidationError as error:
        mistakes = "; ".join(_mistakes(error))
        raise BadConfiguration(f"codebook {path.name}: {error.error_count()} mistakes: {mistakes}") from None


def find_codebook(name: str, city_folder: Path) -> Path:
    """Path of codebook `name`: the city's own `codebooks/` before the shared `configs/codebooks/`.

    Raises `BadConfiguration` when there is none.
    """
    folders = (city_folder / "codebooks", city_folder.parent.parent / "codebooks")
    for folder in folders:
        path = folder / f"{name.removesuffix('.yaml')}.yaml"
        if path.is_file():
            return path
    raise BadConfiguration(
        f"codebook {name}: not in {' or '.join(map(str, folders))}; add it or mend the source's option"
    )


def _mistakes(error: ValidationError) -> Iterable[str]:
    for found in error.errors(include_url=False, include_context=False):
        place = ".".join(str(part) for part in found["loc"]) or "the file"
        yield f"{place}: {found['msg'].removeprefix('Value error, ')}"


def _exactly_one(model: AnyModel, *values: object, names: str) -> AnyModel:
    if sum(value is not None for value in values) != 1:
        raise ValueError(f"give exactly one of: {names}")
    return model
