"""CSV that a spreadsheet can open without running anything: no cell of text begins like a formula."""

from __future__ import annotations

import polars as pl

UTC_FORMAT = "%Y-%m-%dT%H:%M:%SZ"
# What makes a spreadsheet take a cell for a formula: OWASP, "CSV Injection". The wide forms do so where East Asian
# input is set. Quotes before them count, so that exactly one quote can be taken off again.
_FORMULA_START = r"'*[=+\-@\t\r\n＝＋－＠]"

GUARD = "'"


def guard(frame: pl.DataFrame) -> pl.DataFrame:
    """The same frame, with a `'` before every text that would begin like a formula; numbers stay numbers."""
    return frame.with_columns(pl.col(pl.String).str.replace(f"^({_FORMULA_START})", f"{GUARD}${{1}}"))


def unguard(frame: pl.DataFrame) -> pl.DataFrame:
    """What `guard` was given."""
    return frame.with_columns(pl.col(pl.String).str.replace(f"^{GUARD}({_FORMULA_START})", "${1}"))


def to_csv(frame: pl.DataFrame) -> str:
    """CSV (comma, LF) with guarded text and times in UTC as ISO 8601. The same frame gives the same text."""
    return guard(frame).write_csv(datetime_format=UTC_FORMAT)
