"""`record.html`: the algorithmic transparency record of the language model, where the release has one."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

from barometer.release.site.view import View

FILE = "record.html"
SOURCE = "atrs.json"


def has_record(view: View) -> bool:
    """Whether the release holds a record."""
    return (view.site.folder / SOURCE).is_file()


def render(view: View) -> str:
    """The page: every field of the record, in English, as it was written."""
    record = json.loads((view.site.folder / SOURCE).read_text("utf-8"))
    fields = [{"number": number, **field} for number, field in record["fields"].items()]
    sections = [(name, list(members)) for name, members in groupby(fields, key=_section)]
    return view.page("record.html.j2", FILE, standard=record["standard"], sections=sections, source=SOURCE)


def _section(field: dict[str, Any]) -> str:
    return str(field["section"])
