"""The project's own forms: readable YAML (`configs/forms/`) -> spreadsheets that survey software takes (XLSForm)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import openpyxl  # type: ignore[import-untyped]
import yaml
from openpyxl.styles import Alignment, Font  # type: ignore[import-untyped]
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from barometer.city import City
from barometer.errors import BadConfiguration
from barometer.ingest.tables.xlsform import Form, read_form

NEIGHBOURHOODS = "neighbourhoods.csv"
"""File of choices that a form names and that every city has its own of."""
_WIDTH = 48
_COLUMN_WIDTHS = {"type": 34, "name": 24, "list_name": 18}


def _texts(stated: object) -> object:
    """A text in the first language, or one a language."""
    return {"": stated} if isinstance(stated, (str, int, float)) else stated


Texts = Annotated[dict[str, str], BeforeValidator(_texts)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class SourceChoice(_Strict):
    """One answer of a list."""

    name: str
    label: Texts
    meaning: str = ""


class SourceQuestion(_Strict):
    """One row of the sheet `survey`."""

    type: str
    name: str = ""
    label: Texts = Field(default_factory=dict)
    hint: Texts = Field(default_factory=dict)
    constraint_message: Texts = Field(default_factory=dict)
    required: bool = False
    relevant: str = ""
    constraint: str = ""
    calculation: str = ""
    default: str = ""
    appearance: str = ""
    role: str = ""
    unit: str = ""


class FormSource(_Strict):
    """A form as `configs/forms/<name>.yaml` holds it."""

    title: str
    form_id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: str
    languages: tuple[str, ...] = Field(min_length=1, description="as `English (en)`; the first is the default")
    choices: dict[str, list[SourceChoice]] = Field(default_factory=dict)
    survey: list[SourceQuestion] = Field(min_length=1)

    @model_validator(mode="after")
    def _knows_its_lists(self) -> FormSource:
        lists = [one.type.split()[1] for one in self.survey if one.type.split()[0] in ("select_one", "select_multiple")]
        unknown = sorted(set(lists) - set(self.choices))
        if unknown:
            raise ValueError(f"no choices named {', '.join(unknown)}")
        return self


_TEXTS = ("label", "hint", "constraint_message")
_PLAIN = ("required", "relevant", "constraint", "calculation", "default", "appearance", "role", "unit")


def read_source(path: Path) -> FormSource:
    """Read a form's YAML; raises `BadConfiguration` that lists every mistake."""
    try:
        return FormSource.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError) as error:
        raise BadConfiguration(f"form {path.name}: cannot be read ({' '.join(str(error).split())})") from None
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        mistakes = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
        raise BadConfiguration(f"form {path.name}: {mistakes}") from None


def build_form(source: FormSource, target: Path, *, languages: Sequence[str] = ()) -> Form:
    """Write the spreadsheet, with empty columns for further languages, and read it back as survey software would.

    Raises `BadInput` when it does not convert to an XForm.
    """
    spoken = (*source.languages, *(one for one in languages if one not in source.languages))
    book = openpyxl.Workbook()
    book.remove(book.active)
    _sheet(book, "survey", list(_survey(source, spoken)))
    if source.choices:
        _sheet(book, "choices", list(_choices(source, spoken)))
    settings = {"form_title": source.title, "form_id": source.form_id, "version": source.version}
    _sheet(book, "settings", [{**settings, "default_language": source.languages[0]}])
    target.parent.mkdir(parents=True, exist_ok=True)
    book.save(target)
    return read_form(target)


def write_neighbourhoods(city: City, folder: Path) -> Path:
    """The city's neighbourhoods as the file of choices that goes with the forms: code and name, in order of names."""
    path = folder / NEIGHBOURHOODS
    folder.mkdir(parents=True, exist_ok=True)
    city.neighbourhoods.select(name="area", label="name").sort("label").write_csv(path)
    return path


def _survey(source: FormSource, languages: Sequence[str]) -> Iterator[dict[str, str]]:
    for question in source.survey:
        texts = [_columns(name, getattr(question, name), languages) for name in _TEXTS]
        plain = {name: _cell(getattr(question, name)) for name in _PLAIN}
        yield {"type": question.type, "name": question.name, **texts[0], **texts[1], **plain, **texts[2]}


def _choices(source: FormSource, languages: Sequence[str]) -> Iterator[dict[str, str]]:
    for name, choices in source.choices.items():
        for choice in choices:
            yield {
                "list_name": name,
                "name": choice.name,
                **_columns("label", choice.label, languages),
                "meaning": choice.meaning,
            }


def _columns(name: str, texts: Mapping[str, str], languages: Sequence[str]) -> dict[str, str]:
    """`label::English (en)` and so on; a text without a language is of the first."""
    first = languages[0]
    return {
        f"{name}::{language}": texts.get(language, texts.get("", "") if language == first else "")
        for language in languages
    }


def _cell(value: str | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    return value


def _sheet(book: Any, title: str, rows: Sequence[Mapping[str, str]]) -> None:
    """A sheet with the columns that hold something; empty ones only where they are to be translated."""
    sheet = book.create_sheet(title)
    names = [name for name in rows[0] if name.startswith("label::") or any(row[name] for row in rows)]
    sheet.append(names)
    for row in rows:
        sheet.append([row[name] or None for name in names])
    for column, name in zip(sheet.columns, names, strict=True):
        column[0].font = Font(bold=True)
        sheet.column_dimensions[column[0].column_letter].width = _COLUMN_WIDTHS.get(name, _WIDTH)
        for cell in column[1:]:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            cell.number_format = "@"
    sheet.freeze_panes = "A2"
