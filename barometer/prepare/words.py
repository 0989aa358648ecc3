"""Word lists that tell a person's or a neighbourhood's name from what merely looks like one: see `words.yaml`."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import yaml


@cache
def words(name: str) -> frozenset[str]:
    """The words of the list `name`, in lower case."""
    return frozenset(_lists()[name].split())


@cache
def _lists() -> dict[str, str]:
    lists: dict[str, str] = yaml.safe_load(files(__package__).joinpath("words.yaml").read_text("utf-8"))
    return lists
