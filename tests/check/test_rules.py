"""Every rule holds on good rows, and is the one that fails on rows that break it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

from barometer.check.engine import Outcome, evaluate
from barometer.check.run import BOUNDARIES
from tests.check.good import good
from tests.towns import a_night

MODULES: dict[str, ModuleType] = {module.TABLE: module for modules in BOUNDARIES.values() for module in modules}
FAR = datetime(2169, 1, 1, tzinfo=UTC)

BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("received_posts", {"post": "12345"}, "post_has_its_form"),
    ("received_posts", {"author": "a_readable_handle"}, "author_has_its_form"),
    ("received_posts", {"text": "thanks @somebody"}, "text_has_its_form"),
    ("received_posts", {"text": "first line\nthen @somebody"}, "text_has_its_form"),
    ("received_posts", {"area": "elsewhere"}, "area_is_known"),
    ("received_posts", {"area_evidence": "guess"}, "area_evidence_is_known"),
    ("received_posts", {"created_at": FAR}, "created_at_is_plausible"),
    ("received_posts", {"synthetic": False}, "synthetic_is_known"),
    ("platform_ids", {"post": "t1_abc"}, "post_has_its_form"),
    ("platform_ids", {"sealed_id": "t1_abc"}, "sealed_id_has_its_form"),
    ("platform_ids", {"seen_at": FAR}, "seen_at_is_plausible"),
    ("posts", {"duplicate_group": "text"}, "duplicate_group_has_its_form"),
    ("posts", {"area": None, "area_confidence": None}, "is_placed_with_evidence"),
    ("posts", {"area_evidence": "none"}, "is_placed_with_evidence"),
    ("posts", {"area_confidence": None}, "is_placed_with_confidence"),
    ("posts", {"area_confidence": 1.2}, "area_confidence_in_range"),
    ("posts", {"language_confidence": -0.1}, "language_confidence_in_range"),
    ("posts", {"language": "und"}, "has_language"),
    ("labels", {"trust": "maybe"}, "trust_is_known"),
    ("labels", {"target": "people"}, "target_fits_trust"),
    ("labels", {"hostile_no": 0.5}, "hostile_sums_to_one"),
    ("labels", {"trust_none": 2.0, "trust_trust": -1.0}, "trust_none_in_range"),
    ("labels", {"rumour": "rumour"}, "is_plain"),
    ("rumours", {"status": "forgotten"}, "status_is_known"),
    ("rumours", {"posts": 0, "voices": 0, "corrections": 0}, "posts_in_range"),
    ("rumours", {"voices": 9}, "counts_are_nested"),
    ("rumours", {"first_seen": FAR}, "first_is_before_last"),
    ("respondents", {"weight": -1.0}, "weight_in_range"),
    ("respondents", {"area": None}, "is_placed"),
    ("respondents", {"respondent": "R17"}, "respondent_has_its_form"),
    ("answers", {"category": "also"}, "has_one_answer"),
    ("answers", {"value": None}, "has_one_answer"),
    ("answers", {"value": None, "missing_code": "lost"}, "missing_code_is_known"),
    ("reports", {"rating": 6.0}, "is_on_scale"),
    ("reports", {"scale_maximum": 1.0, "rating": 1.0}, "is_on_scale"),
    ("observations", {"kind": "flight"}, "kind_is_known"),
    ("observations", {"persons": -1}, "persons_in_range"),
    ("observations", {"group_size": 0}, "group_size_in_range"),
    ("observations", {"ended_at": FAR}, "has_plausible_length"),
    ("counts", {"count": -1.0}, "count_in_range"),
    ("fetches", {"request": "GET forum.example/posts?page=1"}, "request_has_its_form"),
    ("fetches", {"request": "GET forum.example/posts (page=1)"}, "request_has_its_form"),
    ("fetches", {"status": "fine"}, "status_has_its_form"),
    ("fetches", {"status": "503"}, "went_well"),
    ("fetches", {"number": 0}, "number_in_range"),
    ("fetches", {"records": -1}, "records_in_range"),
    ("audit_sample", {"post": "12345"}, "post_has_its_form"),
    ("audit_sample", {"inclusion": 0.0}, "inclusion_in_range"),
    ("audits", {"method": "guessed"}, "method_is_known"),
    ("audits", {"method": "uncorrected"}, "reason_or_correction"),
    ("audits", {"reason": "none needed"}, "reason_or_correction"),
    ("audits", {"agreement": 1.5}, "agreement_in_range"),
    ("source_health", {"state": "asleep"}, "state_is_known"),
    ("source_health", {"expected_lower": 40.0}, "expectation_is_in_order"),
    ("source_health", {"state": "silent", "records": 50}, "is_not_silent_with_records_as_usual"),
    ("skill", {"weight": 1.5}, "weight_in_range"),
    ("skill", {"lower": -0.1}, "weight_is_earned"),
    ("skill", {"skill": 0.9}, "skill_is_in_its_interval"),
    ("alerts", {"direction": "sideways"}, "direction_is_known"),
    ("alerts", {"upper": 0.1}, "direction_fits_interval"),
    ("alerts", {"direction": "up"}, "direction_fits_interval"),
    ("alerts", {"evidence": 0.5}, "evidence_in_range"),
    ("alerts", {"area": "elsewhere"}, "area_is_known"),
    ("clusters", {"quadrant": "high-high"}, "cluster_is_significant"),
    ("clusters", {"p_value": 1.2}, "p_value_in_range"),
    ("sensitivity", {"total": 3.0}, "total_in_range"),
    ("explanations", {"factor": "the weather"}, "factor_is_known"),
    ("explanations", {"part": -0.3}, "parts_sum_to_the_change"),
    ("explanations", {"noise": -0.1}, "noise_in_range"),
    ("explanations", {"noise": 0.2}, "noise_is_told"),
    ("explanations", {"is_within_noise": False}, "noise_is_told"),
    ("explanations", {"area": "elsewhere"}, "area_is_known"),
    ("explanations", {"words": ""}, "is_told"),
    ("estimates", {"value": None}, "value_or_reason"),
    ("estimates", {"missing_reason": "too_few"}, "value_or_reason"),
    ("estimates", {"standard_error": None}, "value_has_its_error"),
    ("estimates", {"value": 0.9}, "value_is_in_its_interval"),
    ("estimates", {"standard_error": float("inf")}, "numbers_are_finite"),
    ("estimates", {"value": None, "missing_reason": "lost"}, "missing_reason_is_known"),
    ("estimates", {"reliability": 1.5}, "reliability_in_range"),
    ("estimates", {"area": "T1"}, "area_is_complete"),
    ("coverage", {"signal": "gossip"}, "signal_is_known"),
    ("coverage", {"voices_per_1000": 1200.0}, "voices_per_1000_in_range"),
    ("ledger", {"written": 4}, "received_is_accounted_for"),
    ("ledger", {"read": 9}, "read_is_accounted_for"),
    ("ledger", {"written": 1, "quarantined": 4}, "quarantined_little"),
]


def outcomes(table: str, frame: pl.DataFrame, tmp_path: Path) -> dict[str, Outcome]:
    module, night = MODULES[table], a_night(tmp_path)
    derive = getattr(module, "derive", lambda rows: rows)
    found = evaluate(table, derive(frame), module.rules(night), docs=tmp_path / "docs")
    return {outcome.rule: outcome for outcome in found}


@pytest.mark.parametrize("table", MODULES)
def test_good_rows_break_no_rule(table: str, tmp_path: Path) -> None:
    assert [o.message for o in outcomes(table, good(table), tmp_path).values() if not o.is_met] == []


def test_a_post_without_a_place_needs_no_confidence(tmp_path: Path) -> None:
    unplaced = good("posts").with_columns(area=pl.lit(None, pl.String), area_confidence=pl.lit(None, pl.Float64))
    for evidence in ("none", "ambiguous"):
        found = outcomes("posts", unplaced.with_columns(area_evidence=pl.lit(evidence)), tmp_path)
        assert all(outcome.is_met for outcome in found.values())


@pytest.mark.parametrize("table", MODULES)
def test_a_table_without_rows_breaks_no_rule(table: str, tmp_path: Path) -> None:
    assert all(outcome.is_met for outcome in outcomes(table, good(table).clear(), tmp_path).values())


@pytest.mark.parametrize("table", MODULES)
def test_rules_of_a_table_have_different_names_and_say_what_to_do(table: str, tmp_path: Path) -> None:
    rules = MODULES[table].rules(a_night(tmp_path))
    assert len({rule.name for rule in rules}) == len(rules)
    assert all(len(rule.advice) > 10 for rule in rules)


@pytest.mark.parametrize(
    ("table", "change", "rule"), BROKEN, ids=[f"{t}-{r}-{i}" for i, (t, _, r) in enumerate(BROKEN)]
)
def test_a_broken_row_fails_its_rule(table: str, change: dict[str, Any], rule: str, tmp_path: Path) -> None:
    frame = good(table)
    broken = frame.with_columns(pl.lit(value, dtype=frame.schema[name]).alias(name) for name, value in change.items())
    found = outcomes(table, broken, tmp_path)
    assert not found[rule].is_met
    assert f"table {table}, rule {rule}" in found[rule].message


def test_data_docs_keep_no_value_of_a_row(tmp_path: Path) -> None:
    secret = "thanks @a_private_person"
    frame = good("received_posts").with_columns(text=pl.lit(secret))
    outcomes("received_posts", frame, tmp_path)
    pages = [page.read_text("utf-8") for page in (tmp_path / "docs").rglob("*.html")]
    assert pages
    assert not any("a_private_person" in page for page in pages)
