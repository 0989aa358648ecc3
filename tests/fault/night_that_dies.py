"""Runs one whole night in this process, and dies by SIGKILL at a chosen write to the lake.

Usage: python -m tests.fault.night_that_dies CITY NIGHT [before|inside|after N]

`before N` dies when the N-th write is asked for, `after N` when it is committed, `inside N` a moment after it began, from
another thread, so that files are half-written. Without a point it runs to the end and prints the number of writes.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from datetime import date
from typing import Any

from barometer import lake
from barometer.cli import run_night
from barometer.night import open_night

# Long enough for the writer to have created its file, short enough for it not to be done.
INSIDE_SECONDS = 0.004


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


def main(city: str, night: str, moment: str = "never", number: str = "0") -> None:
    writes = Writes(moment, int(number))
    lake.write_deltalake = writes  # type: ignore[assignment]
    run_night(open_night(city, date.fromisoformat(night)))
    print(writes.count)


if __name__ == "__main__":
    main(*sys.argv[1:])
