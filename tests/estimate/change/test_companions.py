"""What moved along: only what is clear, means the same, and is not the same thing by construction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from barometer.estimate.change.companions import MOST_COMPANIONS, Span, meaning, moved_with
from barometer.estimate.change.panel import Panel, panels
from tests.estimate.change.made import INDICATORS, WAVES, cells, span

STEP = 3
SPAN = Span(before_end=span(STEP - 1)[1], since_start=span(STEP)[0])


def stepped(low: float, high: float, *, size: int = 6) -> list[float | None]:
    return [low] * STEP + [high] * (size - STEP)


def beside(*frames: pl.DataFrame, dispersion: float = 1.0) -> Sequence[tuple[Panel, float]]:
    return [(panel, dispersion) for panel in panels(pl.concat(frames))]


def found(*frames: pl.DataFrame, towards: int = -1, dispersion: float = 1.0, of: str = "trust_police") -> list[str]:
    return moved_with(
        "A", of=of, towards=towards, span=SPAN, panels=beside(*frames, dispersion=dispersion), indicators=INDICATORS
    )


def title(indicator: str) -> str:
    return INDICATORS[indicator].title


@pytest.mark.parametrize(
    ("indicator", "change", "expected"),
    [("trust_police", 1.0, 1), ("trust_police", -1.0, -1), ("rumour_share", 0.1, -1), ("rumour_share", -0.1, 1)],
)
def test_what_a_change_means_for_trust(indicator: str, change: float, expected: int) -> None:
    assert meaning(change, INDICATORS[indicator]) == expected


def test_a_figure_of_context_means_nothing_for_trust() -> None:
    with pytest.raises(KeyError):
        meaning(1.0, INDICATORS["footfall_rate"])


def test_rising_distrust_goes_with_falling_trust() -> None:
    rumours = cells("rumour_share", {"A": stepped(0.1, 0.4)}, error=0.02)
    assert found(rumours) == [title("rumour_share")]
    assert found(rumours, towards=1) == []


def test_what_wobbles_within_its_noise_is_not_named() -> None:
    assert found(cells("rumour_share", {"A": stepped(0.10, 0.11)}, error=0.02)) == []


def test_restlessness_counts() -> None:
    rumours = cells("rumour_share", {"A": stepped(0.10, 0.16)}, error=0.02)
    assert found(rumours) == [title("rumour_share")]
    assert found(rumours, dispersion=9.0) == []


def test_another_place_is_not_named() -> None:
    assert found(cells("rumour_share", {"B": stepped(0.1, 0.4)}, error=0.02)) == []


def test_the_figure_itself_and_what_is_made_of_it_are_not_named() -> None:
    score = cells("trust_between_people", {"A": stepped(60.0, 40.0)}, error=1.0)
    own = cells("neighbourhood_cohesion", {"A": stepped(4.0, 3.0)}, error=0.05)
    police = cells("trust_police", {"A": stepped(6.0, 4.0)}, error=0.1)
    assert found(score, own, police, of="neighbourhood_cohesion") == [title("trust_police")]
    assert title("neighbourhood_cohesion") not in found(score, own, police, of="trust_between_people")


def test_the_clearest_come_first_and_no_more_than_three() -> None:
    names = ("trust_council", "trust_health", "trust_schools", "trust_local_media")
    frames = [
        cells(name, {"A": stepped(6.0, 6.0 - fall)}, error=0.2)
        for name, fall in zip(names, (2, 4, 3, 1.5), strict=True)
    ]
    assert found(*frames) == [title(name) for name in ("trust_health", "trust_schools", "trust_council")]
    assert MOST_COMPANIONS == 3


def test_waves_are_compared_with_blocks_over_the_same_span() -> None:
    """A wave in the field before the change and one after it; the one that straddles it says nothing."""
    course: list[float | None] = [6.0, 4.0]
    waves = cells("trust_council", {"A": course}, error=0.2, every=WAVES, lasts=WAVES / 12)
    assert found(waves) == [title("trust_council")]
    straddling = Span(before_end=span(0)[0], since_start=span(5)[0])
    assert (
        moved_with("A", of="trust_police", towards=-1, span=straddling, panels=beside(waves), indicators=INDICATORS)
        == []
    )


def test_a_figure_known_on_one_side_only_is_not_named() -> None:
    assert found(cells("rumour_share", {"A": [None] * STEP + [0.4] * 3, "B": [0.4] * 6}, error=0.02)) == []


def test_nothing_to_compare_with_names_nothing() -> None:
    assert moved_with("A", of="trust_police", towards=-1, span=SPAN, panels=[], indicators=INDICATORS) == []


def test_chance_alone_names_a_companion_beside_at_most_one_alert_in_twenty() -> None:
    names = [i.id for i in INDICATORS.of_signal("answers") if i.id != "trust_police"]
    rng, named, runs = np.random.default_rng(1), 0, 150
    for _ in range(runs):
        frames = [cells(name, {"A": rng.normal(6, 0.2, 6).tolist()}, error=0.2, n=None) for name in names]
        named += bool(found(*frames))
    assert named <= runs * 0.05 + 3 * np.sqrt(runs * 0.05 * 0.95)
