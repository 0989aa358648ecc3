"""Asking about everything a city still holds: each source by itself, so that one that fails leaves the others alone."""

from __future__ import annotations

from collections.abc import Iterator

from barometer.night import Night
from barometer.ops.retry import ONE_SOURCE, is_left_out


def recheck_sources(day: Night, *, try_number: int, most_tries: int) -> Iterator[str]:
    """Re-check every source that can be; one line each on what came of it.

    A source that fails is left out and said; where a later try may cure it, and there is one, the failure is raised.
    """
    from barometer.ingest.live.recheck import can_be_rechecked, recheck_source
    from barometer.prepare.privacy import city_door

    door = city_door(day.city, day.settings)
    for source in filter(can_be_rechecked, day.city.sources):
        try:
            yield f"{source.id}: {recheck_source(day, source, door)}"
        except ONE_SOURCE as failed:
            if not is_left_out(failed, try_number=try_number, most_tries=most_tries):
                raise
            yield f"{source.id}: left out today: {failed}"
