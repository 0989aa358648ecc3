"""The operator's handbook: one Markdown file a DAG, one chapter a task, shown by Airflow beside the task."""

from __future__ import annotations

from pathlib import Path

from barometer.errors import BadConfiguration

_CHAPTER = "## "


def chapters(handbook: Path) -> dict[str, str]:
    """Chapter text by task id; the text before the first chapter, for the DAG as a whole, has the key ''."""
    found: dict[str, list[str]] = {"": []}
    title = ""
    for line in handbook.read_text(encoding="utf-8").splitlines():
        if line.startswith(_CHAPTER):
            title = line.removeprefix(_CHAPTER).strip()
            found[title] = []
        else:
            found[title].append(line)
    return {title: "\n".join(lines).strip() for title, lines in found.items()}


def chapter(handbook: dict[str, str], task_id: str) -> str:
    """What to do when this task fails; raises `BadConfiguration` for a task that nobody wrote about."""
    try:
        return handbook[task_id]
    except KeyError as error:
        raise BadConfiguration(f"the handbook has no chapter '## {task_id}': write what to do when it fails") from error
