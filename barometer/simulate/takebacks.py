"""What is taken back on the last day: a deleted post, an edited post, a deleted account, a withdrawn respondent."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from barometer.simulate.answers import Survey
from barometer.simulate.calendar import clock
from barometer.simulate.posts import Line, Posts, edited
from barometer.simulate.world import World

_HOUR = 3600
SURVEY_SOURCE = "residents_pulse"
"""Id of the configured source whose respondents withdraw: ids of other sources are other people's."""


@dataclass(frozen=True)
class Takebacks:
    """Lines for the posts' source, and rows for the city's list of removals."""

    lines: list[Line]
    removals: pl.DataFrame


def takebacks(world: World, posts: Posts, survey: Survey) -> Takebacks:
    """All of them concern earlier days and different people; they are part of the plan's last day."""
    random, last = world.plan.random("takebacks"), world.plan.days - 1
    earlier = [line for lines in posts.days[:last] for line in lines]
    deleted, rewritten = _of_two_authors(earlier, random.permutation(len(earlier)).tolist())
    author = _with_several_posts(earlier, but={deleted["author"], rewritten["author"]})
    at = clock(world.plan.last_day, 12 * _HOUR, world.city.timezone)
    lines = [
        {"remove": "post", "id": deleted["id"], "platform": deleted["platform"], "at": at},
        {"remove": "author", "author": author["author"], "platform": author["platform"], "at": at},
        edited(rewritten, at),
    ]
    return Takebacks(lines, _withdrawal(survey, last, at))


def _of_two_authors(lines: list[Line], order: list[int]) -> tuple[Line, Line]:
    own = [lines[number] for number in order if "repost_of" not in lines[number]]
    first = own[0]
    return first, next(line for line in own if line["author"] != first["author"])


def _with_several_posts(lines: list[Line], *, but: set[str]) -> Line:
    """A post of an author who wrote three to six posts: neither a passer-by nor one of the loud."""
    written = pl.Series([line["author"] for line in lines]).value_counts(name="posts")
    some = set(written.filter(pl.col("posts").is_between(3, 6))[written.columns[0]]) - but
    return next(line for line in lines if line["author"] in some)


def _withdrawal(survey: Survey, last: int, at: str) -> pl.DataFrame:
    earlier = survey.answers.filter(pl.col("day") < last)
    return pl.DataFrame(
        {
            "kind": ["respondent"],
            "id": [earlier["respondent_id"][-1]],
            "source": [SURVEY_SOURCE],
            "at": [at],
            "reason": ["consent_withdrawn"],
        }
    )
