"""How the suite is shared out over worker processes: what costs much to set up is set up in one of them only.

A file's tests stay together, so that its module's fixtures are made once; so do the tests of a folder whose session's
fixtures are costly. What takes longest begins first, or one worker would still be at it when the others are done.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from xdist.scheduler import LoadScopeScheduling

LONGEST_FIRST = ("tests/integration/airflow", "tests/fault")
TOGETHER = (*LONGEST_FIRST, "tests/browser", "tests/cities", "tests/simulate")


def scope_of(nodeid: str) -> str:
    """Tests of one scope run in one worker, one after another."""
    file = nodeid.split("::", 1)[0]
    return next((folder for folder in TOGETHER if file.startswith(f"{folder}/")), file)


def longest_first(nodeids: Sequence[str]) -> list[int]:
    """Places of `nodeids` in the order to run them in."""
    rank = {scope: number for number, scope in enumerate(LONGEST_FIRST)}
    return sorted(range(len(nodeids)), key=lambda place: rank.get(scope_of(nodeids[place]), len(rank)))


class ByScope(LoadScopeScheduling):
    """Hands out whole scopes in the order of collection."""

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        super().__init__(config, log)  # type: ignore[arg-type]
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)
