"""Posts of every day: texts drawn from the written ones, by invented authors, as the neighbourhood's trust has it.

A quarter of a day's posts carry its stories: written story posts of that day and the day before. The others are
background: whether they trust, distrust or do neither follows the trust of their neighbourhood, and their text is drawn
from its own posts or from those that are of no place. Texts stay as they were written.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from barometer.simulate.calendar import clock, waking_seconds
from barometer.simulate.latent import DIMENSIONS
from barometer.simulate.people import Numbers, expit
from barometer.simulate.places import Point, random_points, shapes
from barometer.simulate.world import World

CLASSES = ("trust", "distrust", "none")
_STORY_SHARE = 0.25
_UNPLACED_SHARE = 0.15
_NONE_SHARE = 0.45
_OWN_TEXT_SHARE = 0.5
_DISTRUST_LEVEL, _DISTRUST_SLOPE = 0.25, -1.3
_REPOST_SHARE, _NEAR_COPY_SHARE = 0.07, 0.03
_REPOST_DAYS = 3
_POSTS_AN_AUTHOR = 4
_POINTS_AN_AREA = 12
_EDIT_TEXT = "Edited: this was about something else, sorry for the mix-up."
_WORDS = [
    "heron",
    "kettle",
    "ginnel",
    "bobbin",
    "clough",
    "magpie",
    "skein",
    "tarn",
    "weaver",
    "lantern",
    "moss",
    "plum",
    "snicket",
    "wren",
    "teasel",
    "loom",
]

Line = dict[str, Any]


@dataclass(frozen=True)
class Author:
    """An invented account: where it is at home and on which platform."""

    name: str
    area: int
    platform: str


class Posts:
    """Draws the posts of a world, day after day."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.plan = world.plan
        self._written = world.written.with_row_index("number").to_dicts()
        self._at = {area: number for number, area in enumerate(world.areas)}

    @cached_property
    def days(self) -> list[list[Line]]:
        """Lines of the project's own JSON Lines for each day, in the order of their times."""
        made: list[list[Line]] = []
        for day in range(self.plan.days):
            earlier = [line for lines in made[-_REPOST_DAYS:] for line in lines if "repost_of" not in line]
            made.append(self._day(day, earlier))
        return made

    @cached_property
    def sizes(self) -> list[int]:
        """Posts on each day: together the plan's number, and as uneven as the written ones."""
        by_day = self.world.written["day"].value_counts().sort("day")
        known = dict(by_day.iter_rows())
        weights = np.array([known.get(day, 1) for day in range(self.plan.days)], dtype=np.float64)
        ends = (self.plan.posts * weights.cumsum() / weights.sum()).round().astype(int)
        return [int(size) for size in np.diff(ends, prepend=0)]

    @cached_property
    def mix(self) -> Numbers:
        """Probability that a background post trusts, distrusts or does neither: day x area x class."""
        others = np.mean([self.world.trust[name] for name in DIMENSIONS[1:]], axis=0)
        trust = 0.5 * self.world.trust["people"] + 0.5 * others
        distrust = (1 - _NONE_SHARE) * expit(_DISTRUST_LEVEL + _DISTRUST_SLOPE * trust)
        return np.stack([1 - _NONE_SHARE - distrust, distrust, np.full_like(distrust, _NONE_SHARE)], axis=-1)

    def true_shares(self) -> dict[str, Numbers]:
        """Class -> expected share of each area's posts that are of it: day x area. Reposts are nobody's own voice."""
        shares = {}
        stories = [self._story_posts(day) for day in range(self.plan.days)]
        for number, name in enumerate(CLASSES[:2]):
            shares[name] = np.stack(
                [self._true_share(day, name, number, stories[day]) for day in range(self.plan.days)]
            )
        return shares

    def _true_share(self, day: int, name: str, number: int, stories: list[int]) -> Numbers:
        told = self._story_size(day, stories)
        background = (self.sizes[day] - told) * (1 - _UNPLACED_SHARE) * self.world.people.adult_shares
        of_class, all_told = background * self.mix[day, :, number], background.copy()
        for index in stories:
            area = self._written[index]["area"]
            if area is not None:
                all_told[self._at[area]] += told / len(stories)
                of_class[self._at[area]] += (self._written[index]["trust"] == name) * told / len(stories)
        # On a day without a post the share is what one would have been.
        return np.divide(of_class, all_told, out=self.mix[day, :, number].copy(), where=all_told > 0)

    def _story_posts(self, day: int) -> list[int]:
        return [p["number"] for p in self._written if p["story"] is not None and day - 1 <= p["day"] <= day]

    def _story_size(self, day: int, stories: list[int]) -> int:
        return round(_STORY_SHARE * self.sizes[day]) if stories else 0

    @cached_property
    def _authors_of(self) -> list[list[Author]]:
        """Authors of each area. An area's first authors post most (see `_author`)."""
        random = self.plan.random("posts", "authors")
        shares, platforms = self.world.people.adult_shares, self.world.written["platform"].to_list()
        counts = np.maximum(12, (self.plan.posts / _POSTS_AN_AUTHOR * shares).round()).astype(int)
        return [
            [self._new_author(random, area, number, platforms) for number in range(count)]
            for area, count in enumerate(counts.tolist())
        ]

    def _new_author(self, random: np.random.Generator, area: int, number: int, platforms: list[str]) -> Author:
        first, second = random.choice(len(_WORDS), 2, replace=False)
        name = f"{_WORDS[first]}_{_WORDS[second]}_{area:02d}{number:03d}"
        return Author(name, area, platforms[random.integers(len(platforms))])

    def _author(self, random: np.random.Generator, area: int) -> Author:
        """An author of the area; the k-th is drawn about 1/k as often as the first, so a few are loud."""
        there = self._authors_of[area]
        return there[min(int(len(there) ** random.random()) - 1, len(there) - 1)]

    @cached_property
    def _points(self) -> list[list[Point]]:
        random, polygons = self.plan.random("posts", "points"), shapes(self.world.city)
        return [random_points(polygons[area], random, _POINTS_AN_AREA) for area in self.world.areas]

    @cached_property
    def _free(self) -> dict[str, list[int]]:
        """Class -> written posts that name no place and tell no story: they may be said anywhere."""
        free = [p for p in self._written if not p["place_in_text"] and p["story"] is None]
        return {name: [p["number"] for p in free if p["trust"] == name] for name in CLASSES}

    @cached_property
    def _own(self) -> dict[tuple[int, str], list[int]]:
        """(area, class) -> written posts of the area that tell no story."""
        own: dict[tuple[int, str], list[int]] = {}
        for p in self._written:
            if p["area"] is not None and p["story"] is None:
                own.setdefault((self._at[p["area"]], p["trust"]), []).append(p["number"])
        return own

    def _day(self, day: int, earlier: list[Line]) -> list[Line]:
        random = self.plan.random("posts", day)
        size, stories = self.sizes[day], self._story_posts(day)
        told = self._story_size(day, stories)
        drawn = [self._story(random, stories) for _ in range(told)]
        drawn += [self._background(random, day) for _ in range(size - told)]
        random.shuffle(drawn)
        lines: list[Line] = []
        for number, (second, (index, area)) in enumerate(zip(waking_seconds(random, size), drawn, strict=True)):
            at = clock(self.plan.day(day), second, self.world.city.timezone)
            base = {"id": f"sample-{day:03d}-{number:04d}", "created_at": at}
            lines.append(base | self._content(random, index, area, earlier))
        return lines

    def _story(self, random: np.random.Generator, stories: list[int]) -> tuple[int, int | None]:
        index = stories[random.integers(len(stories))]
        area = self._written[index]["area"]
        return index, None if area is None else self._at[area]

    def _background(self, random: np.random.Generator, day: int) -> tuple[int, int | None]:
        """A written post and the area it is said in, or none."""
        people = self.world.people
        area = int(random.choice(len(people.areas), p=people.adult_shares))
        name = CLASSES[int(random.choice(len(CLASSES), p=self.mix[day, area]))]
        is_placed = random.random() >= _UNPLACED_SHARE
        own = self._own.get((area, name), []) if is_placed and random.random() < _OWN_TEXT_SHARE else []
        pool = own or self._free[name]
        return pool[random.integers(len(pool))], area if is_placed else None

    def _content(self, random: np.random.Generator, index: int, area: int | None, earlier: list[Line]) -> Line:
        chance = random.random()
        if earlier and chance < _REPOST_SHARE:
            return self._repost(random, earlier)
        post = self._written[index]
        home = area if area is not None else int(random.integers(len(self.world.areas)))
        author = self._author(random, home)
        text = f"“{post['text']}”" if chance > 1 - _NEAR_COPY_SHARE else post["text"]
        said = {"platform": author.platform, "author": author.name, "text": text, "lang": post["lang"]}
        reach = {"reach": int(random.negative_binomial(0.4, 0.08))}
        return said | reach | self._where(random, area, is_in_text=post["place_in_text"])

    def _repost(self, random: np.random.Generator, earlier: list[Line]) -> Line:
        original = earlier[random.integers(len(earlier))]
        author = self._author(random, int(random.integers(len(self.world.areas))))
        copied = {key: original[key] for key in ("platform", "text", "lang")}
        return copied | {"author": author.name, "reach": 0, "repost_of": original["id"]}

    def _where(self, random: np.random.Generator, area: int | None, *, is_in_text: bool) -> Line:
        """How the platform or the account places a post; one whose text names the place mostly has nothing else."""
        chance = random.random()
        if area is None or (is_in_text and chance < 0.6):
            return {}
        if chance < 0.65 or is_in_text:
            return {"place": self.world.people.names[area]}
        if chance < 0.80:
            longitude, latitude = self._points[area][random.integers(_POINTS_AN_AREA)]
            return {"longitude": longitude, "latitude": latitude}
        return {"profile_place": self.world.people.names[area]}


def edited(line: Line, at: str) -> Line:
    """The line as its author rewrites it later."""
    return {**line, "edited_at": at, "text": _EDIT_TEXT}
