"""`datapackage.json`: what each file holds, in the Data Package standard, version 2 (https://datapackage.org)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from barometer.night import Night
from barometer.release.content import Content
from barometer.release.disclosure import MINIMUM_PERSONS, ROUNDING_BASE
from barometer.release.files import BESIDE, REVISIONS, RUMOURS, tables
from barometer.release.manifest import sha256
from barometer.release.words import REASONS
from barometer.spreadsheet import GUARD
from barometer.tables import MISSING_REASONS, TABLES, Column

PROFILE = "https://datapackage.org/profiles/2.0/datapackage.json"
LICENCE = {
    "name": "CC-BY-4.0",
    "title": "Creative Commons Attribution 4.0 International",
    "path": "https://creativecommons.org/licenses/by/4.0/",
}
GEOPACKAGE = "application/geopackage+sqlite3"
_FIELD_TYPES = {
    pl.String: "string",
    pl.Int64: "integer",
    pl.Float64: "number",
    pl.Boolean: "boolean",
    pl.Date: "date",
    pl.Datetime: "datetime",
}
_KEPT = (
    f"; counts of people to the nearest {ROUNDING_BASE}, empty where withheld (fewer than {MINIMUM_PERSONS}, or needed "
    "to keep such a count from being worked out)"
)
_MEANINGS = {
    "area_name": "name of the area",
    "missing_reason": "why there is no number here",
    "index": "index of the Intercultural Cities Index",
    "sub_index": "field of the intercultural lens",
    "name": "name of the index or field",
    "core": "score on the core questions",
    "extended": "score on the extended questions",
    "note": "what the city did not provide",
    "release": "name of the release that published the former value",
    "former_value": "the value published before, in the indicator's unit",
    "former_missing_reason": "why there was no number before",
    "indicator": "id of the indicator, as in the estimates",
    "signal": "stream it is worked out from: posts, answers, reports, observations, counts, combined",
    "method": "how a value is made, unless its row says otherwise",
    "title": "short name of the indicator",
    "question": "what it asks, in plain words",
    "unit": "unit of value, standard_error, lower and upper in the estimates",
    "dimension": "what it is about: people, institutions, rumours, observed, context",
    "direction": "whether a higher value means more_trust, less_trust or neither (context)",
    "minimum": "lowest value its scale allows",
    "maximum": "highest value its scale allows; empty where there is none",
    "minimum_n": "fewest people, reports or sessions a value is issued from",
    "withheld": "why no value of it is issued at present",
    "is_contradicted": "whether some posts contradict the claim",
    "week_voices": f"people who passed it on in the last seven days, rounded down to a multiple of {ROUNDING_BASE}",
    "suggested": "ids of claims of the evidence library whose words fit; nobody confirmed them; parted by '; '",
}
# What a release says otherwise than the table it comes from.
_OVERRIDES = {
    "title": "the claim in a sentence, as a person put it; empty while nobody has",
    "terms": "words the posts share, parted by '; '",
    "voices": f"distinct authors, rounded down to a multiple of {ROUNDING_BASE}",
    "first_seen": "day of the first post (UTC)",
    "last_seen": "day of the latest post (UTC)",
    "share_corrected": "share of the voices that contradict it, in tenths",
    "areas": "codes of neighbourhoods where enough people carry it to say so, parted by '; '",
    "evidence": "ids of claims of the city's evidence library that a person linked, parted by '; '",
}
_UNITS = {"core": "0-100", "extended": "0-100", "minimum_n": "count"}
_COUNTS = ("n", "effective_n", "records", "voices")


@dataclass(frozen=True)
class Resource:
    """One data file: `table` is the declared table its columns come from, if any."""

    name: str
    file: str
    title: str
    mediatype: str
    frame: pl.DataFrame | None = None
    table: str | None = None
    key: tuple[str, ...] = ()


def data_package(folder: Path, content: Content, night: Night) -> dict[str, Any]:
    """The descriptor of the data files in `folder`."""
    kind = "Synthetic " if content.is_synthetic else ""
    return {
        "$schema": PROFILE,
        "name": f"social-trust-{night.run_id.replace('_', '-')}",
        "id": f"urn:social-trust-barometer:{night.run_id}",
        "title": f"{kind}social trust indicators of {night.city.name}, night of {night.night.isoformat()}",
        "description": _description(content),
        "version": night.night.isoformat(),
        "created": night.issued_at.isoformat(),
        "keywords": ["social trust", "neighbourhoods", "small area statistics", *(["synthetic"] if kind else [])],
        "contributors": [{"title": night.city.name, "roles": ["publisher"]}],
        "licenses": [LICENCE],
        "sources": [{"title": line} for line in night.city.attribution],
        "synthetic": content.is_synthetic,
        **({"privacy": content.privacy.stated()} if content.privacy else {}),
        "resources": [_descriptor(folder, resource, night) for resource in _resources(content, night)],
    }


def _description(content: Content) -> str:
    warning = "SYNTHETIC: made by a simulation; says nothing of real people. " if content.is_synthetic else ""
    return (
        f"{warning}Trust indicators per neighbourhood and period, each with its error or the reason why it is "
        f"missing. Cells with fewer than {MINIMUM_PERSONS} respondents or authors are withheld, and so are those that "
        "would give them away. In CSV files a text that a spreadsheet would take for a formula has a "
        f"{GUARD} before it; numbers are as they are."
    )


def _resources(content: Content, night: Night) -> list[Resource]:
    frames = tables(content, night.city)
    described = [
        Resource(name, f"{name}.csv", title, "text/csv", frames[name], table, key)
        for name, title, table, key in (
            ("estimates", "Estimates", "estimates", TABLES["estimates"].key),
            ("indicators", "What is measured: words, units, scales", None, ("indicator",)),
            ("coverage", "Who is heard", "coverage", _beside_key("coverage")),
            ("rumours", RUMOURS, "rumours", ()),
            *((name, title, name, _beside_key(name)) for name, title in BESIDE.items()),
        )
    ]
    scores = "Intercultural Cities Index (no measure of trust)"
    return [
        *described,
        Resource("estimates-parquet", "estimates.parquet", "Estimates, as Parquet", "application/vnd.apache.parquet"),
        Resource("estimates-geojson", "estimates.geojson", "Newest estimates with boundaries", "application/geo+json"),
        Resource(
            "revisions",
            REVISIONS,
            "Numbers published otherwise before",
            "text/csv",
            frames["revisions"],
            "estimates",
        ),
        Resource("estimates-geopackage", "estimates.gpkg", "Newest estimates with boundaries", GEOPACKAGE),
        Resource("icc-index", "icc_index.csv", scores, "text/csv", frames["icc_index"]),
        Resource("icc-index-json", "icc_index.json", "Intercultural Cities Index, as JSON", "application/json"),
    ]


def _beside_key(table: str) -> tuple[str, ...]:
    return tuple(name for name in TABLES[table].key if name != "night")


def _descriptor(folder: Path, resource: Resource, night: Night) -> dict[str, Any]:
    path = folder / resource.file
    common = {
        "name": resource.name,
        "path": resource.file,
        "title": resource.title,
        "format": path.suffix.removeprefix("."),
        "mediatype": resource.mediatype,
        "bytes": path.stat().st_size,
        "hash": f"sha256:{sha256(path)}",
        "licenses": [LICENCE],
    }
    if resource.frame is None:
        return common
    return common | {"type": "table", "encoding": "utf-8", "schema": _schema(resource, resource.frame)}


def _schema(resource: Resource, frame: pl.DataFrame) -> dict[str, Any]:
    fields = [_field(resource, name, dtype) for name, dtype in frame.schema.items()]
    schema = {"missingValues": [""], "fields": fields}
    return schema | ({"primaryKey": list(resource.key)} if resource.key else {})


def _field(resource: Resource, name: str, dtype: pl.DataType) -> dict[str, Any]:
    declared = {column.name: column for column in TABLES[resource.table].columns} if resource.table else {}
    meaning = _meaning(resource, name, declared)
    unit = declared[name].unit if name in declared else _UNITS.get(name, "")
    field: dict[str, Any] = {
        "name": name,
        "type": _FIELD_TYPES[dtype.base_type()],
        "description": meaning + (_KEPT if name in _COUNTS and resource.table != "rumours" else ""),
    }
    return field | ({"unit": unit} if unit else {}) | _reasons(name) | _constraints(name, declared)


def _meaning(resource: Resource, name: str, declared: Mapping[str, Column]) -> str:
    if resource.table == "rumours" and name in _OVERRIDES:
        return _OVERRIDES[name]
    return declared[name].meaning if name in declared else _MEANINGS[name]


def _constraints(name: str, declared: dict[str, Any]) -> dict[str, Any]:
    may_be_empty = (*_COUNTS, *_OVERRIDES, "missing_reason")
    is_required = name in declared and not declared[name].nullable and name not in may_be_empty
    if name == "missing_reason":
        return {"constraints": {"enum": list(MISSING_REASONS)}}
    return {"constraints": {"required": True}} if is_required else {}


def _reasons(name: str) -> dict[str, Any]:
    """Every code of a missing number with its meaning (`categories` of Table Schema, version 2)."""
    if name != "missing_reason":
        return {}
    return {"categories": [{"value": code, "label": REASONS[code]} for code in MISSING_REASONS]}
