"""Re-checks of a city: each source by itself, tried again only where that may help."""

from __future__ import annotations

from pathlib import Path

import pytest

from barometer.errors import NotPermitted, ServiceUnavailable
from barometer.ingest.live import recheck
from barometer.ledger import Counts
from barometer.night import Night
from barometer.ops.rechecks import recheck_sources
from tests.rows import NIGHT
from tests.towns import a_night, a_source


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    """A city with three sources, of which nobody can be asked about `desk`; `down` is down and `shut` shut to us."""
    failures = {"down": ServiceUnavailable("does not answer"), "shut": NotPermitted("answered 401")}

    def ask(night: Night, source: object, door: object) -> Counts:
        failure = failures.get(source.id)  # type: ignore[attr-defined]
        if failure is not None:
            raise failure
        return Counts(read=2, received=2, removed=2)

    monkeypatch.setattr(recheck, "can_be_rechecked", lambda source: source.id != "desk")
    monkeypatch.setattr(recheck, "recheck_source", ask)
    (tmp_path / "city").mkdir()
    return a_night(tmp_path, NIGHT, *(a_source(id=name) for name in ("shut", "down", "desk", "open")))


def test_each_source_that_can_be_asked_about_is_and_one_that_fails_leaves_the_others_alone(day: Night) -> None:
    told = list(recheck_sources(day, try_number=4, most_tries=4))
    assert [line.partition(":")[0] for line in told] == ["shut", "down", "open"]
    assert told[0] == "shut: left out today: answered 401"
    assert told[1] == "down: left out today: does not answer"
    assert "removed=2" in told[2]


def test_what_a_later_try_may_cure_is_raised_while_there_is_one(day: Night) -> None:
    told = recheck_sources(day, try_number=1, most_tries=4)
    assert next(told).startswith("shut: left out")
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        next(told)
