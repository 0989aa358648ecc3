"""One drafted and one published release of the sample city, made once for all tests that only look at them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from barometer.night import Night
from barometer.release.draft import draft_release
from barometer.release.publish import publish
from tests.release.sample_night import sample_night

APPROVED_AT = datetime(2026, 5, 10, 8, 30, tzinfo=UTC)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """The sample city's night; look, do not change."""
    return sample_night(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def drafted(sample: Night) -> Path:
    """Its draft; look, do not change."""
    return draft_release(sample)


@pytest.fixture(scope="session")
def released(sample: Night, drafted: Path) -> Path:
    """Its release, approved by a stand-in; look, do not change."""
    return publish(sample, drafted, approved_by="sample run", is_stand_in=True, approved_at=APPROVED_AT)
