"""Two models' scores side by side, from the `metrics.json` beside each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from barometer.errors import BadInput

METRICS = "metrics.json"


def compared(*, in_use: Path, candidate: Path) -> str:
    """A table in text: every score both models have, and the difference (candidate minus in use)."""
    before, after = dict(_scores(_read(in_use / METRICS))), dict(_scores(_read(candidate / METRICS)))
    shared = [name for name in after if name in before]
    width = max((len(name) for name in shared), default=0)
    changes = {name: after[name] - before[name] for name in shared}
    lines = [f"{name:{width}}  {before[name]:8.3f}  {after[name]:8.3f}  {changes[name]:+8.3f}" for name in shared]
    heading = f"{'score':{width}}  {'in use':>8}  {'new':>8}  {'change':>8}"
    return "\n".join([heading, *lines])


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: the model's scores cannot be read ({error}); train the model again") from error


def _scores(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, float]]:
    """Every number of nested metrics, with its place; lists are left out, they hold curves and matrices."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _scores(inner, (*path, str(key)))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield ".".join(path), float(value)
