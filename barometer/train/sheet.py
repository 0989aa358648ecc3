"""Tables of figures in Markdown, as every model's card has them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def with_interval(score: Mapping[str, Any]) -> str:
    return f"{three(score['macro_f1'])} ({three(score['lower'])}–{three(score['upper'])})"


def by_set(scored: Mapping[str, Any]) -> str:
    sets = list(next(iter(scored.values()))["by_set"])
    rows = [
        (head, with_interval(scores["all"]), *(with_interval(scores["by_set"][name]) for name in sets))
        for head, scores in scored.items()
    ]
    return table(("head", "all", *sets), rows)
