"""`csvw.json`: the same tables as CSV on the Web describes them (W3C Recommendation of 17 December 2015)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CONTEXT = "http://www.w3.org/ns/csvw"
_DATATYPES = {"string": "string", "integer": "integer", "number": "double", "boolean": "boolean"} | {
    kind: kind for kind in ("date", "datetime")
}


def csvw(package: Mapping[str, Any]) -> dict[str, Any]:
    """A table group of every tabular resource of a Data Package descriptor: the two never say different things."""
    return {
        "@context": [CONTEXT, {"@language": "en"}],
        "@id": package["id"],
        "dc:title": package["title"],
        "dc:description": package["description"],
        "dc:license": {"@id": package["licenses"][0]["path"]},
        "tables": [_table(resource) for resource in package["resources"] if "schema" in resource],
    }


def _table(resource: Mapping[str, Any]) -> dict[str, Any]:
    schema = resource["schema"]
    described: dict[str, Any] = {"columns": [_column(field) for field in schema["fields"]]}
    if "primaryKey" in schema:
        described["primaryKey"] = schema["primaryKey"]
    return {"url": resource["path"], "dc:title": resource["title"], "tableSchema": described}


def _column(field: Mapping[str, Any]) -> dict[str, Any]:
    column = {
        "name": field["name"],
        "titles": field["name"],
        "dc:description": field["description"],
        "datatype": _DATATYPES[field["type"]],
        "required": field.get("constraints", {}).get("required", False),
    }
    return column | ({"schema:unitText": field["unit"]} if "unit" in field else {})
