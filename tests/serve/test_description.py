"""schemathesis asks what the OpenAPI description allows, and what it does not: no 5xx, no breach of the schema."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from barometer.serve.app import create_app, inner_app
from barometer.serve.shelf import Shelf
from tests.serve.conftest import FIRST, NO_LIMIT, SECOND

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = 10
DESCRIPTION: dict[str, Any] = inner_app(Shelf(Path("nothing")), Path("nothing")).openapi()
PATHS = sorted(DESCRIPTION["paths"])
# Others have no parameter, or only parts of the address, of which any text will do.
CAN_BE_ASKED_NONSENSE = [
    path for path in PATHS if any(p["in"] == "query" for p in DESCRIPTION["paths"][path]["get"].get("parameters", []))
]
# Chance seldom finds a name that exists: these are asked for beside names of chance.
KNOWN: dict[str, list[Any]] = {
    "city": ["sample"],
    "release": [FIRST, SECOND],
    "as_of": ["2026-05-10", "2026-05-20"],
    "collection": ["sample-msoa21"],
    "bbox": ["-1.8,53.7,-1.7,53.9", "170,-10,-170,10", "-180,-90,0,180,90,0"],
    "datetime": ["2026-05-09", "../2026-03-01", "2026-01-01T00:00:00Z/.."],
}


def with_known_names() -> dict[str, Any]:
    description = copy.deepcopy(DESCRIPTION)
    for operations in description["paths"].values():
        for parameter in operations["get"].get("parameters", []):
            if parameter["name"] in KNOWN:
                parameter |= {"required": True, "schema": {"type": "string", "enum": KNOWN[parameter["name"]]}}
    return description


@pytest.fixture(scope="module")
def described(published: Path) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", create_app(published, NO_LIMIT))


@pytest.fixture(scope="module")
def with_known(published: Path) -> schemathesis.BaseSchema:
    schema = schemathesis.openapi.from_dict(with_known_names())
    schema.app = create_app(published, NO_LIMIT)
    return schema


def test_every_kind_of_data_is_described() -> None:
    wanted = {"cities", "indicators", "estimates", "rumours", "index", "releases"}
    assert {f"/v1/{name}" for name in wanted} | {"/ogc/collections/{collection}/items"} <= set(PATHS)


def ask_many(schema: schemathesis.BaseSchema, path: str, mode: GenerationMode) -> list[int]:
    """Statuses of the answers, each of them as described."""
    operation = schema[path]["GET"]
    statuses: list[int] = []

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        statuses.append(case.call_and_validate(checks=CHECKS).status_code)

    ask()
    return statuses


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_to_names_of_chance_is_as_described(described: schemathesis.BaseSchema, path: str) -> None:
    assert ask_many(described, path, GenerationMode.POSITIVE)


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_to_known_names_is_as_described(with_known: schemathesis.BaseSchema, path: str) -> None:
    statuses = ask_many(with_known, path, GenerationMode.POSITIVE)
    assert 200 in statuses or path.endswith("{feature}")


@pytest.mark.parametrize("path", CAN_BE_ASKED_NONSENSE)
def test_every_answer_to_nonsense_is_as_described(described: schemathesis.BaseSchema, path: str) -> None:
    assert set(ask_many(described, path, GenerationMode.NEGATIVE)) <= {200, 400, 404}
