"""What the masks find, by kind and by naming tradition: prints `docs/masking.md`.

The cases are invented and stand in `tests/prepare/masking_cases.py`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from barometer.city import load_city
from barometer.prepare.privacy import city_door
from barometer.settings import PROJECT, Settings
from tests.prepare import masking_cases as cases


def report(mask: cases.Mask) -> str:
    """The whole page."""
    count = len(cases.patterned()) + len(cases.named()) + len(cases.named(cases.NAMES_UNSEEN)) + len(cases.NOBODY)
    kinds = cases.recall_of_kinds(mask)
    seen, unseen = cases.scores_of_names(mask), cases.scores_of_names(mask, cases.NAMES_UNSEEN)
    wrong = cases.masked_wrongly(mask)
    lines = [
        "# What the masks find",
        "",
        f"{count} invented cases, masked as at the door of Bradford (`benchmarks/bench_masking.py` writes this page).",
        "",
        "| kind | cases | found |",
        "|---|---|---|",
        *(f"| {kind} | {len(cases.PATTERNED[kind][1])} | {share:.2f} |" for kind, share in kinds.items()),
        "",
        "Names, in sentences as people post them. Recall: no word of the name is left. Precision: of the masked",
        "sentences, those of which nothing else went. The masks were mended on the first set; the second was written",
        "afterwards and nothing was chosen on it. Twelve and four names a tradition tell gross differences only.",
        "",
        "| tradition | recall | precision | recall, unseen | precision, unseen |",
        "|---|---|---|---|---|",
        *(_row(tradition, seen[tradition], unseen[tradition]) for tradition in seen),
        _row("all", _mean(seen), _mean(unseen)),
        "",
        f"Of {len(cases.NOBODY)} sentences that name nobody but are full of capitals, {len(wrong)} lost a word:",
        "",
        *(f"- {text}" for text in wrong),
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, seen: tuple[float, float], unseen: tuple[float, float]) -> str:
    return f"| {name} | {seen[0]:.2f} | {seen[1]:.2f} | {unseen[0]:.2f} | {unseen[1]:.2f} |"


def _mean(scores: dict[str, tuple[float, float]]) -> tuple[float, float]:
    size = len(scores)
    return sum(recall for recall, _ in scores.values()) / size, sum(
        precision for _, precision in scores.values()
    ) / size


def main() -> None:
    """Print the page."""
    with tempfile.TemporaryDirectory() as home:
        door = city_door(load_city("bradford", PROJECT / "configs"), Settings(home=Path(home)))
        print(report(door.mask), end="")


if __name__ == "__main__":
    main()
