"""Why numbers changed, as it may be told."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from barometer.explained import rounded_parts
from barometer.indicators import WHOLE_CITY, load_indicators
from barometer.published import Release
from barometer.release.explanations import published_revisions, shown_explanations
from barometer.settings import PROJECT
from barometer.tables import EXPLAINED_BY
from tests.rows import NIGHT, rows

INDICATORS = load_indicators(PROJECT / "configs")
NEW, LATE, _, MODEL, CONFIGURATION = EXPLAINED_BY
PLACE = {"indicator": "trust_police", "geography": "hood", "area": "T1", "period_start": NIGHT, "period_end": NIGHT}
BEFORE = "2026-05-08-1"


def explained(parts: dict[str, float], **values: Any) -> pl.DataFrame:
    """Rows of one change as the lake has them, in the columns that are published."""
    plain = PLACE | {"since": BEFORE, "since_start": NIGHT, "since_end": NIGHT, "is_shared": False, "words": "because."}
    change = {"change": sum(parts.values()), "noise": 0.123456, "is_within_noise": True}
    made = [plain | change | values | {"factor": factor, "part": part} for factor, part in parts.items()]
    return rows("explanations", *made).drop("night").with_columns(area_name=pl.lit("Northgate"))


def estimates(value: float | None = 5.0, **values: Any) -> pl.DataFrame:
    return rows("estimates", PLACE | {"value": value, "n": 2000, "method": "direct"} | values).with_columns(
        area_name=pl.lit("Northgate")
    )


def a_release(folder: Path, published: pl.DataFrame, name: str = BEFORE) -> Release:
    (folder / name).mkdir()
    published.write_parquet(folder / name / "estimates.parquet")
    return Release(folder / name, date(2026, 5, 8), 1, {})


def shown(found: pl.DataFrame, folder: Path, now: pl.DataFrame | None = None, then: pl.DataFrame | None = None) -> Any:
    where = found.select("indicator", "geography", "area").row(0, named=True)
    before = a_release(folder, estimates(**where) if then is None else then)
    current = estimates(**where) if now is None else now
    return shown_explanations(found, shown=current, before=before, indicators=INDICATORS)


def parts(found: pl.DataFrame) -> dict[str, float]:
    return dict(found.select("factor", "part").iter_rows())


def test_a_change_between_two_published_values_is_told_in_tenths(tmp_path: Path) -> None:
    found = shown(explained({NEW: -0.31, MODEL: -1.78}), tmp_path)
    assert parts(found) == {NEW: -0.3, MODEL: -1.8}
    assert found["change"].unique().to_list() == [-2.1]
    assert found["noise"].unique().to_list() == [0.2]
    assert (
        found["words"]
        .unique()
        .to_list()[0]
        .startswith("Northgate \u22122.1 points: \u22120.3 new answers, \u22121.8 new")
    )


@pytest.mark.parametrize(
    ("n_now", "n_then", "shown_part"), [(50, 2000, 0.02), (2000, 50, 0.02), (20, 50, 0.05), (2000, 2000, 0.012)]
)
def test_a_change_of_a_share_is_told_no_finer_than_either_value_is_shown(
    tmp_path: Path, n_now: int, n_then: int, shown_part: float
) -> None:
    # given values of n people that are shown in steps of 1/n or wider
    where = {"indicator": "wallet_police", "value": 0.5}
    now, then = estimates(**where, n=n_now), estimates(**where, n=n_then)
    # when a change that lies between two steps is told
    exact = {0.02: 0.0123, 0.05: 0.0301, 0.012: 0.01234}[shown_part]
    found = shown(explained({NEW: exact}, indicator="wallet_police"), tmp_path, now=now, then=then)
    # then it, its noise and its words are in the wider step
    assert parts(found) == {NEW: shown_part}
    assert f"+{100 * shown_part:.1f} percentage points" in found["words"][0]
    width = {0.012: 0.001}.get(shown_part, shown_part)
    assert found["noise"][0] / width == pytest.approx(round(found["noise"][0] / width))


def test_what_a_model_lent_is_told_in_tenths_as_it_is_shown(tmp_path: Path) -> None:
    where = {"indicator": "wallet_police", "value": 0.5, "method": "model", "n": 20}
    found = shown(
        explained({NEW: 0.0123}, indicator="wallet_police"), tmp_path, now=estimates(**where), then=estimates(**where)
    )
    assert parts(found) == {NEW: 0.012}


@given(
    st.lists(st.floats(-0.2, 0.2), min_size=1, max_size=5),
    st.sampled_from([1, 2, 5, 10, 20, 50, 100, 200]),
)
def test_parts_in_steps_add_up_to_the_change_in_steps(sizes: list[float], tenths: int) -> None:
    named = dict(zip(EXPLAINED_BY, sizes, strict=False))
    found = rounded_parts(named, is_share=True, tenths=tenths)
    assert all(size % tenths == 0 for size in found.values())
    assert abs(sum(found.values()) - 1000 * sum(named.values())) <= tenths / 2 + 1e-6
    assert all(abs(found[name] - 1000 * part) < tenths + 1e-6 for name, part in named.items())


@pytest.mark.parametrize("withheld", ["now", "then"])
def test_nothing_is_told_of_a_value_that_is_or_was_withheld(tmp_path: Path, withheld: str) -> None:
    hidden = estimates(None, missing_reason="suppressed")
    assert shown(explained({NEW: 1.0}), tmp_path, **{withheld: hidden}).is_empty()


def test_nothing_is_told_that_compares_with_another_release_or_with_none(tmp_path: Path) -> None:
    assert shown(explained({NEW: 1.0}, since="2026-05-01-1"), tmp_path).is_empty()
    found = shown_explanations(explained({NEW: 1.0}), shown=estimates(), before=None, indicators=INDICATORS)
    assert found.is_empty()


def test_one_persons_removal_is_not_seen_by_itself_in_a_neighbourhood(tmp_path: Path) -> None:
    found = shown(explained({NEW: 0.5, LATE: -0.8}), tmp_path)
    assert parts(found) == {NEW: -0.3}
    assert "\u22120.3 new, late and removed answers" in found["words"][0]


def test_the_removal_of_a_whole_city_is_told(tmp_path: Path) -> None:
    found = shown(explained({NEW: 0.5, LATE: -0.8}, geography=WHOLE_CITY, area="testville"), tmp_path)
    assert parts(found) == {NEW: 0.5, LATE: -0.8}


def test_what_nobody_said_is_told_apart(tmp_path: Path) -> None:
    found = shown(explained({NEW: 0.5, LATE: -0.8}, indicator="service_requests_rate"), tmp_path)
    assert parts(found) == {NEW: 0.5, LATE: -0.8}


def test_half_a_removal_under_method_is_not_told_of_a_neighbourhood(tmp_path: Path) -> None:
    found = explained({LATE: -0.8, CONFIGURATION: -0.8}, is_shared=True)
    assert shown(found, tmp_path).is_empty()


def test_what_comes_to_nothing_is_left_out(tmp_path: Path) -> None:
    assert shown(explained({NEW: 0.04, MODEL: 0.003}), tmp_path).is_empty()


def test_shares_are_in_tenths_of_a_percentage_point(tmp_path: Path) -> None:
    assert parts(shown(explained({NEW: 0.01234}, indicator="wallet_police"), tmp_path)) == {NEW: 0.012}


@given(made=st.dictionaries(st.sampled_from(EXPLAINED_BY), st.floats(-9, 9), min_size=1))
def test_published_parts_sum_to_the_published_change(
    tmp_path_factory: pytest.TempPathFactory, made: dict[str, float]
) -> None:
    found = shown(explained(made), tmp_path_factory.mktemp("release"))
    assert found.is_empty() or abs(found["part"].sum() - found["change"][0]) < 1e-9
    assert LATE not in found["factor"].to_list()


def test_revisions_name_the_place_and_the_release_that_said_otherwise(tmp_path: Path) -> None:
    found = published_revisions(estimates(5.0), a_release(tmp_path, estimates(4.5)))
    assert found.columns == [
        "indicator", "geography", "area", "area_name", "period_start", "period_end", "release",
        "former_value", "value", "former_missing_reason", "missing_reason",
    ]  # fmt: skip
    assert found.select("area_name", "release", "former_value", "value").rows() == [("Northgate", BEFORE, 4.5, 5.0)]


def test_a_first_release_revises_nothing() -> None:
    assert published_revisions(estimates(5.0), None).is_empty()
