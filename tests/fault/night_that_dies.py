"""Runs one whole night in this process, and dies by SIGKILL at a chosen write to the lake.

`before` N dies when the N-th write is asked for, `after` N when it is committed, `inside` N a moment after it began,
from another thread, so that files are half-written. Without a point
it runs to the end and leaves the number of its writes.
"""

from __future__ import annotations

import os
import signal
import threading
from datetime import date
from pathlib import Path
from typing import Any

from barometer import lake
from barometer.cli import run_night
from barometer.night import open_night
from barometer.settings import Settings

# Long enough for the writer to have created its file, short enough for it not to be done.
INSIDE_SECONDS = 0.004
WRITES_FILE = "writes.txt"


class Writes:
    """Counts the lake's writes and ends the process at the chosen one."""

    def __init__(self, moment: str, number: int) -> None:
        self.moment, self.number, self.count = moment, number, 0
        self.write = lake.write_deltalake

    def __call__(self, *arguments: Any, **options: Any) -> None:
        self.count += 1
        is_chosen = self.count == self.number
        if is_chosen and self.moment == "before":
            die()
        if is_chosen and self.moment == "inside":
            threading.Timer(INSIDE_SECONDS, die).start()
        self.write(*arguments, **options)
        if is_chosen:
            die()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run(
    home: Path, city: str, night: date, moment: str = "never", number: int = 0, configs: Path | None = None
) -> None:
    """Run the night below `home`; meant to be the target of a process of its own."""
    writes = Writes(moment, number)
    lake.write_deltalake = writes  # type: ignore[assignment]
    run_night(open_night(city, night, Settings(home=home, configs=configs)))
    (home / WRITES_FILE).write_text(str(writes.count), "utf-8")
