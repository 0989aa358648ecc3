"""What is to be simulated, and the streams of random numbers it is made from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

FIRST_DAY = date(2025, 11, 10)
DAYS = 182
WRITTEN_DAYS = 70
"""Days the written posts and their stories tell of: the last ones of a longer plan."""
POSTS = 12_000
RESPONDENTS = 1_900
FEWEST_WAVES = 3
DAYS_A_WAVE = 45
FIELDWORK_DAYS = 10


@dataclass(frozen=True)
class Plan:
    """Size and calendar of a simulation. `respondents` is the number expected in each wave, `posts` all over `days`."""

    seed: int
    posts: int = POSTS
    respondents: int = RESPONDENTS
    first_day: date = FIRST_DAY
    days: int = DAYS
    practitioners: int = 60
    sessions: int = 780

    @property
    def last_day(self) -> date:
        """Day of the last night."""
        return self.day(self.days - 1)

    @property
    def quiet_days(self) -> int:
        """Days before the first story: surveys, reports, observations and counts go on, hardly anybody posts."""
        return max(0, self.days - WRITTEN_DAYS)

    @property
    def waves(self) -> tuple[tuple[int, int], ...]:
        """First and last day in the field of each wave of the survey; the last wave ends on the last day."""
        waves = max(FEWEST_WAVES, self.days // DAYS_A_WAVE)
        ends = [round((number + 1) * self.days / waves) - 1 for number in range(waves)]
        length = min(FIELDWORK_DAYS, max(1, self.days // waves))
        return tuple((end - length + 1, end) for end in ends)

    def day(self, number: int) -> date:
        """Calendar day of a day number."""
        return self.first_day + timedelta(days=number)

    def random(self, *stream: object) -> np.random.Generator:
        """Random numbers of one named stream: the same for a seed and name, whatever else is drawn."""
        name = "/".join(map(str, (self.seed, *stream)))
        return np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big"))
