"""How often a host may be asked, and when not at all: kept in one small file a host, so that all tasks of a machine
keep to it together. Across machines an Airflow pool does the same (`ops/cities.py`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from barometer.errors import ServiceUnavailable

FOLDER = ".rates"
FAILURES_IN_A_ROW = 5
"""After so many a host is left alone for a while."""
REST_SECONDS = 60.0
# The longest window of a service we know (Mastodon, Reddit: 5 or 10 minutes); more is left to the next try.
LONGEST_WAIT_SECONDS = 610.0
_LONGEST_REST_OF_A_BROKEN_CLOCK = 86_400.0


class _State(msgspec.Struct, forbid_unknown_fields=True):
    """What is known of one host; times in seconds since 1970."""

    next: float = 0.0
    """Before this nobody asks again."""
    rest_until: float = 0.0
    """Before this a host that failed again and again is not asked."""
    failures: int = 0
    """In a row."""


@dataclass(frozen=True)
class Budget:
    """The hosts' budgets below `folder`. `clock` gives seconds since 1970, `sleep` waits so many seconds."""

    folder: Path
    clock: Callable[[], float] = field(default=time.time, repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def take(self, host: str, per_second: float) -> None:
        """Wait until `host` may be asked once more, at most `per_second` times a second by all together.

        Raises `ServiceUnavailable` at once while the host rests after failures, or asks for a longer wait than is
        sensible within a task.
        """
        while (wait := self._try(host, 1 / per_second)) > 0:
            self.sleep(wait)

    def hold(self, host: str, seconds: float) -> None:
        """Nobody asks `host` again within `seconds`: it said so itself."""
        with self._state(host) as state:
            state.next = max(state.next, self.clock() + seconds)

    def failed(self, host: str) -> None:
        """Note a failure; enough of them in a row and the host is left alone for a while."""
        with self._state(host) as state:
            state.failures += 1
            if state.failures >= FAILURES_IN_A_ROW:
                state.rest_until = self.clock() + REST_SECONDS

    def succeeded(self, host: str) -> None:
        """Forget the failures."""
        with self._state(host) as state:
            state.failures, state.rest_until = 0, 0.0

    def _try(self, host: str, interval: float) -> float:
        """Take a turn and return 0, or say how many seconds to wait before trying again."""
        with self._state(host) as state:
            now = self.clock()
            if state.rest_until > now:
                raise ServiceUnavailable(
                    f"{host} failed {state.failures} times in a row and is left alone for another "
                    f"{state.rest_until - now:.0f} seconds",
                    status="resting",
                )
            wait = state.next - now
            if wait > LONGEST_WAIT_SECONDS:
                raise ServiceUnavailable(f"{host} asks us to wait {wait:.0f} seconds", status="429")
            if wait <= 0:
                state.next = now + interval
            return wait

    @contextmanager
    def _state(self, host: str) -> Iterator[_State]:
        """The host's state under a lock that holds between threads and processes; kept when the block ends well."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(host.encode()).hexdigest()[:24]
        file = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            state = self._read(os.pread(file, 4_096, 0))
            yield state
            text = msgspec.json.encode(state)
            os.pwrite(file, text, 0)
            os.ftruncate(file, len(text))
        finally:
            os.close(file)

    def _read(self, text: bytes) -> _State:
        try:
            state = msgspec.json.decode(text or b"{}", type=_State)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return _State()
        # A file of another clock, or of a machine whose clock was set back, must not stop everything.
        latest = self.clock() + _LONGEST_REST_OF_A_BROKEN_CLOCK
        return state if max(state.next, state.rest_until) < latest else _State()
