"""Audit files: masked posts out to be labelled (CSV, Label Studio), people's labels back, every bad row named."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import polars as pl

from barometer.errors import BadInput
from barometer.tables import LABEL_HEADS

LABELS_SCHEMA: dict[str, pl.DataType] = {
    "post": pl.String(),
    "labeller": pl.String(),
    "head": pl.String(),
    "label": pl.String(),
}
CSV_COLUMNS = ("post", "text", "labeller", *LABEL_HEADS)
# What makes a spreadsheet take a cell for a formula (OWASP, CSV injection), at its start or where a spreadsheet of
# another country's settings would begin a new cell.
_FORMULA = re.compile(r"(^|[,;|\t\r\n])(?=[=+\-@＝＋－＠\t\r])")
_QUESTIONS = {
    "trust": "Does the author express trust or distrust?",
    "target": "Whom is it about? (none exactly where trust is none)",
    "rumour": "Does the post carry a claim nobody has confirmed, or correct one?",
    "hostile": "Does it attack or demean a group of people?",
}


@dataclass(frozen=True)
class ReadBack:
    """`labels`: LABELS_SCHEMA, one row a judgement. `problems`: a line for each row that could not be used."""

    labels: pl.DataFrame
    problems: tuple[str, ...]


@dataclass(frozen=True)
class _Judgement:
    """All labels one person gave one post, and where they stand in the file."""

    place: str
    post: str
    labeller: str
    labels: Mapping[str, str]


def write_csv(sample: pl.DataFrame, path: Path) -> None:
    """Posts to label, one a row, with empty columns for the labeller's code and the four labels.

    `sample`: post and text (masked). What the model says is left out, so that it does not lead the labeller. A text a
    spreadsheet would run as a formula gets an apostrophe in front.
    """
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(CSV_COLUMNS)
        for post, text in _posts(sample):
            writer.writerow([_harmless(post), _harmless(text), *[""] * (len(CSV_COLUMNS) - 2)])


def write_label_studio(sample: pl.DataFrame, path: Path) -> None:
    """Posts to label as Label Studio tasks (JSON list); `labelling_config` goes with them."""
    tasks = [{"data": {"post": post, "text": text}} for post, text in _posts(sample)]
    path.write_text(json.dumps(tasks, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def labelling_config() -> str:
    """Label Studio's labelling configuration (XML) for the four label heads."""
    lines = ["<View>", '  <Text name="text" value="$text"/>']
    for head, values in LABEL_HEADS.items():
        lines.append(f"  <Header value={quoteattr(_QUESTIONS[head])}/>")
        lines.append(f'  <Choices name="{head}" toName="text" choice="single" required="true" showInline="true">')
        lines.extend(f"    <Choice value={quoteattr(value)}/>" for value in values)
        lines.append("  </Choices>")
    return "\n".join([*lines, "</View>"]) + "\n"


def read_csv(path: Path, *, known: Collection[str]) -> ReadBack:
    """Labels from a CSV that `write_csv` made and people filled in; comma or semicolon, empty cells are no judgement.

    `known`: posts of the audit. Raises `BadInput` when the file as a whole is none; bad rows become `problems`.
    """
    text = _text_of(path)
    reader = csv.DictReader(io.StringIO(text, newline=None), delimiter=_delimiter(text))
    missing = [name for name in CSV_COLUMNS if name != "text" and name not in (reader.fieldnames or [])]
    if missing:
        raise BadInput(f"{path.name}: column {missing[0]} is missing; label the file as it was exported")
    try:
        return _read_back(_csv_judgements(reader, path.name), known)
    except csv.Error as error:
        raise BadInput(f"{path.name}, line {reader.line_num + 1}: is no CSV ({error}); save it as CSV UTF-8") from error


def read_label_studio(path: Path, *, known: Collection[str]) -> ReadBack:
    """Labels from Label Studio's JSON export; cancelled annotations are skipped, the labeller is the account's number.

    `known`: posts of the audit. Raises `BadInput` when the file as a whole is no export; bad rows become `problems`.
    """
    try:
        tasks = json.loads(_text_of(path))
    except json.JSONDecodeError as error:
        raise BadInput(f"{path.name}: is no JSON (line {error.lineno}: {error.msg}); export it again") from error
    if not isinstance(tasks, list):
        raise BadInput(f"{path.name}: must be a list of tasks; choose the export format JSON")
    return _read_back(_label_studio_judgements(tasks, path.name), known)


def _posts(sample: pl.DataFrame) -> Iterator[tuple[str, str]]:
    return ((row["post"], row["text"]) for row in sample.select("post", "text").iter_rows(named=True))


def _harmless(cell: str) -> str:
    return _FORMULA.sub(r"\1'", cell)


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"{path.name}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path.name}: is not UTF-8 (byte {error.start}); save it as CSV UTF-8") from error


def _delimiter(text: str) -> str:
    """Spreadsheets of many countries save semicolons."""
    heading = text.split("\n", 1)[0]
    return ";" if heading.count(";") > heading.count(",") else ","


def _csv_judgements(reader: csv.DictReader[str], file: str) -> Iterator[_Judgement]:
    # Numbered as a spreadsheet shows them: the heading is row 1.
    for number, row in enumerate(reader, start=2):
        cells = {name: (row.get(name) or "").strip() for name in CSV_COLUMNS}
        labels = {head: cells[head].lower() for head in LABEL_HEADS if cells[head]}
        if labels:
            yield _Judgement(f"{file}, row {number}", cells["post"].removeprefix("'"), cells["labeller"], labels)


def _label_studio_judgements(tasks: list[Any], file: str) -> Iterator[_Judgement]:
    for number, task in enumerate(tasks, start=1):
        place = f"{file}, task {number}"
        post = _at(task, "data", "post")
        for order, annotation in enumerate(_list(_at(task, "annotations")), start=1):
            if _at(annotation, "was_cancelled") is True:
                continue
            labels = dict(_choices(_list(_at(annotation, "result"))))
            yield _Judgement(f"{place}, annotation {order}", _word(post), _account(annotation), labels)


def _choices(results: list[Any]) -> Iterator[tuple[str, str]]:
    """Head and label of each choice made; several choices of one head are joined, which no label is."""
    for result in results:
        if _at(result, "type") == "choices":
            yield _word(_at(result, "from_name")), "+".join(map(_word, _list(_at(result, "value", "choices"))))


def _account(annotation: Any) -> str:
    """The number of the account that labelled; exports give it bare or inside a record with name and address."""
    completed_by = _at(annotation, "completed_by")
    return _word(_at(completed_by, "id") if isinstance(completed_by, dict) else completed_by)


def _at(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _word(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else ""


def _read_back(judgements: Iterator[_Judgement], known: Collection[str]) -> ReadBack:
    """Labels of the judgements nothing is wrong with, and what is wrong with the others."""
    rows, problems, seen = [], [], set()
    posts = frozenset(known)
    for judgement in judgements:
        wrong = next((words for rule in _RULES if (words := rule(judgement, posts))), "")
        if not wrong and (judgement.post, judgement.labeller) in seen:
            wrong = "field labeller: has labelled this post before in this file; keep one row"
        if wrong:
            problems.append(f"{judgement.place}, {wrong}")
            continue
        seen.add((judgement.post, judgement.labeller))
        rows += [(judgement.post, judgement.labeller, head, label) for head, label in judgement.labels.items()]
    frame = pl.DataFrame(rows, schema=LABELS_SCHEMA, orient="row")
    return ReadBack(frame.sort(list(LABELS_SCHEMA)), tuple(problems))


def _unknown_post(judgement: _Judgement, known: Collection[str]) -> str:
    if judgement.post in known:
        return ""
    return f"field post: {judgement.post or 'is empty'} is no post of this audit; do not edit that column"


def _no_labeller(judgement: _Judgement, _: Collection[str]) -> str:
    return "" if judgement.labeller else "field labeller: is empty; enter the labeller's code (not a name)"


def _no_label(judgement: _Judgement, _: Collection[str]) -> str:
    return "" if judgement.labels else "field result: holds no choice; label the post or skip it"


def _unknown_label(judgement: _Judgement, _: Collection[str]) -> str:
    for head, label in judgement.labels.items():
        if label not in LABEL_HEADS.get(head, ()):
            choices = ", ".join(LABEL_HEADS.get(head, ())) or f"no such label head; they are {', '.join(LABEL_HEADS)}"
            return f"field {head}: {label or 'empty'} is not one of: {choices}"
    return ""


def _target_without_trust(judgement: _Judgement, _: Collection[str]) -> str:
    """The annotation guide: target is none exactly where trust is none."""
    trust, target = judgement.labels.get("trust"), judgement.labels.get("target")
    if trust is None or target is None or (trust == "none") == (target == "none"):
        return ""
    return f"field target: is {target} where trust is {trust}; it must be none exactly when trust is none"


_RULES: tuple[Callable[[_Judgement, Collection[str]], str], ...] = (
    _unknown_post,
    _no_labeller,
    _no_label,
    _unknown_label,
    _target_without_trust,
)
