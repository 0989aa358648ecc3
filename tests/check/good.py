"""For every checked table, rows of Testville that break no rule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl

from barometer.tables import LABEL_HEADS, TABLES
from tests.rows import NIGHT, rows
from tests.towns import AREAS

HEX = "0123456789abcdef" * 2
LATER = datetime(2026, 5, 9, 13, tzinfo=UTC)
_PEOPLE = {"post": HEX, "author": HEX, "duplicate_group": HEX, "synthetic": True}


_COUNTS = {"read": 6, "out_of_scope": 1, "received": 5, "written": 5, "duplicate": 0, "quarantined": 0, "removed": 0}


def _label() -> dict[str, Any]:
    certain = {
        f"{head}_{value}": float(value == values[-1]) for head, values in LABEL_HEADS.items() for value in values
    }
    return {"post": HEX, "trust": "none", "target": "none", "rumour": "none", "hostile": "no", **certain}


def _estimate(area: str) -> dict[str, Any]:
    number = {"value": 0.5, "standard_error": 0.1, "lower": 0.3, "upper": 0.7, "reliability": 0.8, "n": 20}
    return {"area": area, "city": "testville", **number}


def _alert() -> dict[str, Any]:
    change = {"direction": "down", "change": -0.8, "lower": -1.2, "upper": -0.3, "evidence": 900.0}
    return {"area": "T1", "first_seen": NIGHT, "period_end": NIGHT} | change


def _explanations() -> list[dict[str, Any]]:
    """A change of -2.1: 0.3 down from new data, 1.8 down from the language model."""
    change = {"area": "T1", "period_end": NIGHT, "change": -2.1, "noise": 0.9, "is_within_noise": True}
    parts = {"new_data": -0.3, "language_model": -1.8}
    return [change | {"factor": factor, "part": part} for factor, part in parts.items()]


def good(table: str) -> pl.DataFrame:
    """Rows of `table` that break no rule of it."""
    made: dict[str, list[dict[str, Any]]] = {
        "received_posts": [_PEOPLE | {"text": "hello @user, see http", "area": "T1", "area_evidence": "point"}],
        "platform_ids": [
            {"post": HEX, "service": "reddit", "sealed_id": "c2VhbGVkLXNlYWxlZC1zZWFsZWQ=", "synthetic": True}
        ],
        "posts": [_PEOPLE | {"area": "T1", "area_confidence": 0.9, "area_evidence": "text", "language": "en"}],
        "labels": [_label()],
        "rumours": [{"status": "seen", "posts": 3, "voices": 2, "corrections": 1}],
        "respondents": [{"response": HEX, "respondent": HEX, "weight": 1.5, "area": "T2"}],
        "answers": [{"response": HEX, "respondent": HEX, "value": 7.0}],
        "reports": [{"report": HEX, "rater": HEX, "rating": 4.0, "scale_minimum": 1.0, "scale_maximum": 5.0}],
        "observations": [{"observation": HEX, "kind": "movement", "ended_at": LATER, "persons": 0}],
        "counts": [{"record": HEX, "count": 0.0, "area": "T4"}],
        "estimates": [_estimate(area) for area in (*AREAS, "testville")],
        "coverage": [{"signal": "posts", "area": "T1", "voices_per_1000": 3.0}],
        "audit_sample": [{"post": HEX, "inclusion": 0.5}],
        "audits": [{"method": "prevalence", "audited": 300, "drift_p": 0.4, "agreement": 0.9}],
        "source_health": [
            {"state": "working", "records": 20, "expected": 22.0, "expected_lower": 12.0, "expected_upper": 33.0}
        ],
        "skill": [{"skill": 0.3, "lower": 0.1, "upper": 0.5, "weight": 0.4}],
        "alerts": [_alert()],
        "clusters": [{"area": "T1", "quadrant": "none", "p_value": 0.4, "is_significant": False}],
        "sensitivity": [{"first_order": 0.2, "total": 0.3}],
        "fetches": [{"number": 1, "request": "GET forum.example/posts (page)", "status": "200", "tries": 1}],
        "explanations": _explanations(),
        "ledger": [{"step": "ingest", **_COUNTS}],
    }
    columns = set(TABLES[table].schema)
    return rows(table, *({k: v for k, v in row.items() if k in columns} | {"night": NIGHT} for row in made[table]))
