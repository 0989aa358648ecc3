"""Survey forms as spreadsheets (XLSForm) <-> codebooks: a codebook is made from its form, and the two are compared.

A form may say itself what the codebook makes of a question, in a column `role` (respondent, wave, date, area, weight,
cluster, stratum, consent, `item <id>`, `group <id>`), and of a choice, in a column `meaning` (a number, a category, or
a missing code). Other software ignores these columns. Where they are absent, names and types are taken for hints.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import yaml
from pyxform.errors import PyXFormError  # type: ignore[import-untyped]
from pyxform.xls2xform import convert  # type: ignore[import-untyped]

from barometer.errors import BadInput
from barometer.ingest.tables.codebook import EMPTY, Codebook, Group, Item, MissingCode, label

ROLE, MEANING, UNIT = "role", "meaning", "unit"
"""Columns of our own in a form's sheets: of questions, of choices, of questions."""

_MISSING_CODES = get_args(MissingCode)
_MISSING_WORDS: dict[str, MissingCode] = {
    "don't know": "dont_know",
    "do not know": "dont_know",
    "prefer not to say": "refused",
    "rather not say": "refused",
    "refused": "refused",
    "not applicable": "not_applicable",
}
_CONTAINERS = ("group", "repeat", "survey")
_SAYS_NOTHING = ("note", "audit", "acknowledge", "image", "audio", "video", "file")
_UNASKED = (
    "calculate", "hidden", "start", "end", "today", "deviceid", "username", "email", "phonenumber", "subscriberid",
    "simserial", "uri:deviceid", "start-geopoint", "background-audio",
)  # fmt: skip
_TIMES = ("date", "datetime", "dateTime", "start", "end", "today")
_NUMBERS = ("integer", "int", "decimal", "range")
_LIMIT = re.compile(r"\.\s*(>=|<=|>|<)\s*(-?\d+(?:\.\d+)?)")
_SINGLE = ("respondent", "wave", "date", "area", "weight", "cluster", "stratum", "consent")
_RESERVED = "meta"


@dataclass(frozen=True)
class Choice:
    """One answer that a question offers."""

    name: str
    labels: Mapping[str, str]
    meaning: str = ""
    """What the form says it means: a number, a category, a missing code; empty if it does not say."""

    @property
    def missing(self) -> MissingCode | None:
        """The missing code it stands for, as stated or by its words."""
        if self.meaning in _MISSING_CODES:
            return self.meaning  # type: ignore[return-value]
        words = (text.strip().lower().replace("’", "'") for text in self.labels.values())
        return next((_MISSING_WORDS[text] for text in words if text in _MISSING_WORDS), None)


@dataclass(frozen=True)
class Question:
    """One row of a form that leaves a column in its data."""

    name: str
    kind: str
    """As pyxform names types: select one, integer, text, calculate, …"""
    labels: Mapping[str, str] = field(default_factory=dict)
    choices: tuple[Choice, ...] = ()
    has_list_elsewhere: bool = False
    """Its choices stand in a file beside the form."""
    constraint: str = ""
    role: str = ""
    unit: str = ""
    in_repeat: bool = False

    @property
    def is_asked(self) -> bool:
        """Whether somebody is asked it."""
        return self.kind not in (*_UNASKED, *_SAYS_NOTHING)

    @property
    def words(self) -> str:
        """Its text in the form's first language."""
        return " ".join(next(iter(self.labels.values()), self.name).split())

    @property
    def role_kind(self) -> str:
        """First word of the role."""
        return self.role.split()[0] if self.role else ""

    @property
    def role_id(self) -> str:
        """Id of the item or group that the role names; by default the question's own name."""
        return self.role.split()[1] if len(self.role.split()) > 1 else plain_id(self.name)


@dataclass(frozen=True)
class Form:
    """An XLSForm that converts to an XForm."""

    title: str
    questions: tuple[Question, ...]
    languages: tuple[str, ...]

    def question(self, name: str) -> Question | None:
        """The question a codebook's column means: by its name, or by the last part of a path."""
        return next((one for one in self.questions if one.name == name.rpartition("/")[2]), None)

    def with_role(self, role: str) -> list[Question]:
        """Questions whose role begins with this word."""
        return [one for one in self.questions if one.role_kind == role]


def read_form(path: Path) -> Form:
    """Read an .xlsx or .xls form; raises `BadInput` in pyxform's words when it is no XLSForm."""
    if not path.is_file():
        raise BadInput(f"{path}: no such file; name a form, .xlsx or .xls")
    try:
        found = convert(str(path), validate=False)
    except (PyXFormError, OSError, KeyError, ValueError) as error:
        told = " ".join(str(error).split())
        raise BadInput(f"{path.name}: not a form that can be converted ({told}); mend the spreadsheet") from None
    tree = found._pyxform
    questions = tuple(_questions(tree.get("children", ()), in_repeat=False))
    return Form(str(tree.get("title") or path.stem), questions, tuple(_languages(questions)))


def _questions(children: Iterable[Mapping[str, Any]], *, in_repeat: bool) -> Iterator[Question]:
    for child in children:
        kind = str(child.get("type", ""))
        if kind in _CONTAINERS:
            if child.get("name") != _RESERVED:
                yield from _questions(child.get("children", ()), in_repeat=in_repeat or kind == "repeat")
        elif kind not in _SAYS_NOTHING:
            yield _question(child, kind, in_repeat=in_repeat)


def _question(row: Mapping[str, Any], kind: str, *, in_repeat: bool) -> Question:
    bind = row.get("bind") or {}
    choices = tuple(_choice(one) for one in row.get("choices") or ())
    return Question(
        name=str(row["name"]),
        kind=kind,
        labels=_texts(row.get("label")),
        choices=choices,
        has_list_elsewhere=kind.startswith("select") and not choices,
        constraint=str(bind.get("constraint") or ""),
        role=str(row.get(ROLE) or "").strip(),
        unit=str(row.get(UNIT) or "").strip(),
        in_repeat=in_repeat,
    )


def _choice(row: Mapping[str, Any]) -> Choice:
    extra = row.get("extra_data") or {}
    return Choice(str(row["name"]), _texts(row.get("label")), str(row.get(MEANING, extra.get(MEANING, ""))).strip())


def _texts(stated: Any) -> dict[str, str]:
    if isinstance(stated, Mapping):
        return {str(language): str(text) for language, text in stated.items()}
    return {"default": str(stated)} if stated else {}


def _languages(questions: Iterable[Question]) -> list[str]:
    named = [
        language
        for question in questions
        for texts in (question.labels, *(choice.labels for choice in question.choices))
        for language in texts
    ]
    return list(dict.fromkeys(named))


def plain_id(name: str) -> str:
    """A question's name as an id of an item: `Q1.a` -> `q1_a`."""
    text = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return text if text[:1].isalpha() else f"item_{text}"


# --- form -> codebook ---


def codebook_of(form: Form, *, source: str) -> dict[str, Any]:
    """The codebook as YAML would hold it. Raises `BadInput` when no question can be an item.

    Where the form has no roles, times of filling in are the date, and every question with numbers or choices becomes an
    item whose choices are numbered in the order of the form: look through it before you use it.
    """
    items = {one.role_id: _item(one) for one in _items(form)}
    if not items:
        raise BadInput(f"form {form.title!r} has no question with numbers or choices: nothing could become an item")
    groups = {one.role_id: _group(one) for one in form.with_role("group")}
    missing = {choice.name: choice.missing for one in form.questions for choice in one.choices if choice.missing}
    return {
        "title": form.title,
        "source": source,
        **_design(form),
        "missing": {EMPTY: "not_asked", **missing},
        "items": items,
        **({"groups": groups} if groups else {}),
    }


def _items(form: Form) -> list[Question]:
    stated = form.with_role("item")
    if stated or any(one.role for one in form.questions):
        return stated
    return [one for one in form.questions if not one.in_repeat and (_is_number(one) or _is_choice(one))]


def _design(form: Form) -> dict[str, Any]:
    named = {role: next((one.name for one in form.with_role(role)), None) for role in _SINGLE}
    times = next((one.name for kind in ("end", "start", "today") for one in form.questions if one.kind == kind), None)
    consent = next(iter(form.with_role("consent")), None)
    stated: dict[str, Any] = {
        "respondent": named["respondent"] or "row_number",
        "wave": {"column": named["wave"]} if named["wave"] else {"fixed": "1"},
        "date": {"column": named["date"] or times or "date"},
        "area": {"column": named["area"]} if named["area"] else None,
        "weight": {"column": named["weight"]} if named["weight"] else None,
        "cluster": named["cluster"],
        "stratum": named["stratum"],
        "consent": {"column": consent.name, "given": [consent.choices[0].name]}
        if consent and consent.choices
        else None,
    }
    return {name: value for name, value in stated.items() if value is not None}


def _item(question: Question) -> dict[str, Any]:
    coding = _coding(question)
    is_plain = all(_as_number(name) == value for name, value in coding.items())
    limits = (min(coding.values()), max(coding.values())) if coding else _limits(question.constraint)
    is_share = question.unit == "share"
    return {
        "column": question.name,
        "question": question.words,
        **({"unit": question.unit} if question.unit else {}),
        **({} if is_share or limits is None else {"scale": {"minimum": limits[0], "maximum": limits[1]}}),
        **({"coding": coding} if coding and (not is_plain or is_share or limits is None) else {}),
    }


def _coding(question: Question) -> dict[str, float]:
    """Choice -> its value: as stated, else its name if every name is a number, else its place in the list."""
    answers = [choice for choice in question.choices if choice.missing is None]
    stated = [_as_number(choice.meaning) for choice in answers]
    named = [_as_number(choice.name) for choice in answers]
    for values in (stated, named):
        if all(value is not None for value in values):
            return {choice.name: float(value or 0) for choice, value in zip(answers, values, strict=True)}
    return {choice.name: float(place) for place, choice in enumerate(answers, start=1)}


def _group(question: Question) -> dict[str, Any]:
    coding = {one.name: one.meaning or plain_id(one.name) for one in question.choices if one.missing is None}
    return {"column": question.name, **({"coding": coding} if coding else {})}


def _is_choice(question: Question) -> bool:
    return question.kind.startswith("select one") and bool(question.choices)


def _is_number(question: Question) -> bool:
    return question.kind in _NUMBERS and _limits(question.constraint) is not None


def _limits(constraint: str) -> tuple[float, float] | None:
    """Lowest and highest whole number a constraint such as `. >= 0 and . <= 10` lets through."""
    found = {sign: float(number) for sign, number in _LIMIT.findall(constraint)}
    low = found.get(">=", found[">"] + 1 if ">" in found else None)
    high = found.get("<=", found["<"] - 1 if "<" in found else None)
    return None if low is None or high is None or low >= high else (low, high)


def _as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def to_yaml(codebook: Mapping[str, Any]) -> str:
    """The codebook as a file; raises pydantic's error if it were no codebook."""
    Codebook.model_validate(codebook)
    return yaml.safe_dump(_with_whole_numbers(codebook), sort_keys=False, allow_unicode=True, width=120)


def _with_whole_numbers(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _with_whole_numbers(one) for name, one in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


# --- form against codebook ---


def differences(form: Form, codebook: Codebook) -> list[str]:
    """Everything in which a form and its codebook disagree, one line each; none: they agree."""
    return [
        *_absent(form, codebook),
        *(line for name, item in codebook.items.items() for line in _of_item(form, name, item, codebook)),
        *(line for name, group in codebook.groups.items() for line in _of_group(form, name, group, codebook)),
        *_of_design(form, codebook),
        *_unread(form, codebook),
    ]


def wording(form: Form, codebook: Codebook) -> list[str]:
    """Items whose codebook quotes other words than the form asks."""
    pairs = ((item, form.question(item.column)) for item in codebook.items.values())
    return [
        f"{item.column}: the form asks {question.words!r}, the codebook says {' '.join(item.question.split())!r}"
        for item, question in pairs
        if question is not None and question.words != " ".join(item.question.split())
    ]


def untranslated(form: Form) -> list[str]:
    """Questions and choices that have no words in one of the form's languages."""
    return [
        f"{language}: no words for {place}"
        for language in form.languages
        if language != "default"
        for place, texts in _with_words(form)
        if not texts.get(language, "").strip(" -")
    ]


def _with_words(form: Form) -> Iterator[tuple[str, Mapping[str, str]]]:
    for question in form.questions:
        if question.is_asked:
            yield question.name, question.labels
        for choice in question.choices:
            yield f"{question.name}, choice {choice.name}", choice.labels


def _absent(form: Form, codebook: Codebook) -> Iterator[str]:
    for column in codebook.needed:
        if form.question(column) is None and not _is_part_of_point(form, column):
            yield f"{column}: the codebook reads it, the form has no such question; add it, or list it as optional"


def _is_part_of_point(form: Form, column: str) -> bool:
    stem = re.sub(r"^_|[_-](longitude|latitude)$", "", column, flags=re.IGNORECASE)
    question = form.question(stem)
    return question is not None and question.kind in ("geopoint", "start-geopoint")


def _of_item(form: Form, name: str, item: Item, codebook: Codebook) -> Iterator[str]:
    question = form.question(item.column)
    if question is None or question.kind in _UNASKED:
        return
    if question.kind == "select all that apply":
        yield f"{item.column}: several answers may be given, but item {name} holds one number; ask for one answer"
    elif question.choices:
        yield from _of_choices(question, name, item, codebook)
    elif question.kind not in _NUMBERS:
        yield f"{item.column}: the form asks for {question.kind}, item {name} needs a number or choices"
    elif item.scale is not None and _limits(question.constraint) != (item.scale.minimum, item.scale.maximum):
        limits = f"{item.scale.minimum:g} to {item.scale.maximum:g}"
        yield f"{item.column}: item {name} runs from {limits}, the form lets others through; set its constraint"


def _of_choices(question: Question, name: str, item: Item, codebook: Codebook) -> Iterator[str]:
    missing = codebook.missing_of(item)
    offered: set[float] = set()
    for choice in question.choices:
        value = item.coding.get(label(choice.name)) if item.coding else _as_number(choice.name)
        if label(choice.name) in missing:
            yield from _of_missing(question, choice, missing[label(choice.name)])
        elif value is None or not item.holds(value):
            yield f"{question.name}: the choice {choice.name} is no answer that item {name} knows; code it, or drop it"
        else:
            offered.add(value)
            yield from _of_value(question, choice, value)
    for value in sorted(set(item.coding.values()) - offered):
        yield f"{question.name}: item {name} knows the value {value:g}, no choice of the form gives it"
    if item.scale and offered and (min(offered), max(offered)) != (item.scale.minimum, item.scale.maximum):
        yield f"{question.name}: the form offers {min(offered):g} to {max(offered):g}, which is not item {name}'s scale"


def _of_missing(question: Question, choice: Choice, code: MissingCode) -> Iterator[str]:
    if choice.missing is None:
        yield f"{question.name}: the codebook takes the choice {choice.name} for {code}, the form for an answer"
    elif choice.missing != code:
        yield f"{question.name}: the choice {choice.name} is {choice.missing} in the form, {code} in the codebook"


def _of_value(question: Question, choice: Choice, value: float) -> Iterator[str]:
    if choice.missing is not None:
        yield f"{question.name}: the choice {choice.name} is {choice.missing} in the form, {value:g} in the codebook"
    elif choice.meaning and _as_number(choice.meaning) != value:
        yield f"{question.name}: the choice {choice.name} is {choice.meaning} in the form, {value:g} in the codebook"


def _of_group(form: Form, name: str, group: Group, codebook: Codebook) -> Iterator[str]:
    question = form.question(group.column)
    if question is None or not question.choices:
        return
    missing = codebook.missing_of(group)
    offered: set[str] = set()
    for choice in question.choices:
        category = group.coding.get(label(choice.name))
        if label(choice.name) in missing:
            yield from _of_missing(question, choice, missing[label(choice.name)])
        elif category is None and (group.coding or group.bands):
            yield f"{question.name}: group {name} knows no category for the choice {choice.name}; code or drop it"
        elif category is not None and choice.meaning and choice.meaning != category:
            yield f"{question.name}: the choice {choice.name} is {choice.meaning} in the form, {category} here"
        offered |= {category} if category else set()
    for category in sorted(set(group.coding.values()) - offered):
        yield f"{question.name}: group {name} knows the category {category}, no choice of the form gives it"


def _of_design(form: Form, codebook: Codebook) -> Iterator[str]:
    date = form.question(codebook.date.column or "")
    if (
        date is not None
        and date.kind not in (*_TIMES, "calculate")
        and not (codebook.date.formats or codebook.date.days)
    ):
        yield f"{date.name}: the codebook takes it for the date, the form asks for {date.kind}"
    if codebook.consent is None:
        return
    consent = form.question(codebook.consent.column)
    offered = {label(choice.name) for choice in consent.choices} if consent else set()
    if consent is not None and not offered & {label(text) for text in codebook.consent.given}:
        yes = ", ".join(codebook.consent.given)
        yield f"{consent.name}: the codebook takes {yes} for consent, the form has no such choice"


def _unread(form: Form, codebook: Codebook) -> Iterator[str]:
    read = {name.rpartition("/")[2] for name in (*codebook.needed, *codebook.optional)}
    points = {re.sub(r"^_|[_-](longitude|latitude)$", "", name, flags=re.IGNORECASE) for name in read}
    for question in form.questions:
        if question.is_asked and question.name not in read | points:
            yield f"{question.name}: the form asks it, the codebook never reads it; add it there, or do not ask"


def report_differences(form: Form, columns: Mapping[str, str], *, scale: str | None) -> list[str]:
    """In which a form does not give what a source of reports reads (columns: ours -> the form's)."""
    needed = ("rater", "area", "date", "rating", *(() if scale else ("scale",)))
    names = {name: columns.get(name, name) for name in (*needed, "reason")}
    absent: Sequence[str] = [
        f"{names[name]}: reports need a {name}, the form has no such question"
        for name in needed
        if not form.question(names[name])
    ]
    unread = [
        f"{one.name}: the form asks it, reports never read it; do not ask"
        for one in form.questions
        if one.is_asked and one.name not in names.values()
    ]
    return [*absent, *unread]
