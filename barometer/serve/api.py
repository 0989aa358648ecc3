"""`/v1`: cities, indicators, estimates, rumours, the Index and releases, as they were published."""

from __future__ import annotations

from typing import Annotated, Any

import polars as pl
from fastapi import APIRouter, Query, Request, Response

from barometer.serve import models
from barometer.serve.answers import LICENCE, answer, json_answer, next_address
from barometer.serve.formats import MEDIA_TYPES, encoded, negotiate
from barometer.serve.problems import Problem
from barometer.serve.query import EstimateQuestion, OfCity, OfRelease, Question, estimates
from barometer.serve.shelf import Release, Shelf

INDICATORS: dict[str, pl.DataType] = {
    name: pl.Float64() if name in ("minimum", "maximum") else pl.Int64() if name == "minimum_n" else pl.String()
    for name in models.IndicatorAnswer.model_fields
    if name not in ("city", "release")
}
RUMOURS: dict[str, pl.DataType] = {
    "rumour": pl.String(),
    "title": pl.String(),
    "terms": pl.String(),
    "status": pl.String(),
    "status_by": pl.String(),
    "first_seen": pl.String(),
    "last_seen": pl.String(),
    "voices": pl.Int64(),
    "week_voices": pl.Int64(),
    "share_corrected": pl.Float64(),
    "is_contradicted": pl.Boolean(),
    "areas": pl.String(),
    "evidence": pl.String(),
    "suggested": pl.String(),
}
_LISTS = ("terms", "areas", "evidence", "suggested")
MOST_FEATURES = 5_000
_PARTED_BY = "; "
_BINARY = {"type": "string", "format": "binary"}
_FORMS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "the rows, in the form asked for",
        "content": {
            MEDIA_TYPES["csv"].partition(";")[0]: {"schema": {"type": "string"}},
            MEDIA_TYPES["parquet"]: {"schema": _BINARY},
            MEDIA_TYPES["geojson"]: {"schema": {"$ref": "#/components/schemas/FeatureCollection"}},
        },
        "headers": {"Link": {"description": 'next page, rel="next"', "schema": {"type": "string"}}},
    },
    406: {"model": models.ProblemDetails, "description": "none of the accepted forms is to be had"},
}


def api(shelf: Shelf) -> APIRouter:
    """The routes of `/v1` over what is on the shelf."""
    router = APIRouter(prefix="/v1")

    @router.get("/cities", response_model=models.Cities, summary="Cities that have published")
    def cities(_: Annotated[Question, Query()]) -> Response:
        return json_answer({"data": [_city(shelf, releases) for releases in shelf.cities.values()]})

    @router.get("/indicators", response_model=models.IndicatorsAnswer, summary="What is measured")
    def indicators(asked: Annotated[OfRelease, Query()]) -> Response:
        return _rows(shelf, asked, _indicators)

    @router.get("/estimates", response_model=models.Estimates, responses=_FORMS, summary="Every figure with its error")
    def the_estimates(request: Request, asked: Annotated[EstimateQuestion, Query()]) -> Response:
        return _estimates(shelf, request, asked)

    @router.get("/rumours", response_model=models.Rumours, summary="Claims that enough people carry, true or false")
    def rumours(asked: Annotated[OfRelease, Query()]) -> Response:
        return _rows(shelf, asked, _rumours)

    @router.get("/index", response_model=models.Indices, summary="Intercultural Cities Index (no measure of trust)")
    def index(asked: Annotated[OfRelease, Query()]) -> Response:
        return _index(shelf, asked)

    @router.get("/releases", response_model=models.Releases, summary="What was published, and every file's hash")
    def releases(asked: Annotated[OfCity, Query()]) -> Response:
        chosen = {asked.city: shelf.of_city(asked.city)} if asked.city else shelf.cities
        return json_answer({"data": [_release(one) for some in chosen.values() for one in some]})

    return router


def _chosen(shelf: Shelf, asked: OfRelease) -> list[Release]:
    return shelf.select(city=asked.city, release=asked.release, as_of=asked.as_of)


def _rows(shelf: Shelf, asked: OfRelease, of_release: Any) -> Response:
    found = [row for release in _chosen(shelf, asked) for row in of_release(release)]
    return json_answer({"data": found}, never_changes=asked.never_changes)


def _city(shelf: Shelf, releases: list[Release]) -> dict[str, Any]:
    newest = shelf.named(releases[-1].city, releases[-1].name)
    return {
        "city": newest.city,
        "name": newest.city_name,
        "synthetic": newest.is_synthetic,
        "geographies": newest.estimates["geography"].unique().sort().to_list(),
        "releases": len(releases),
        "newest_release": newest.name,
        "approved_at": _time(newest),
        "page": f"/{newest.city}/{newest.name}/index.html",
    }


def _time(release: Release) -> str:
    return release.approved_at.isoformat()


def _indicators(release: Release) -> list[dict[str, Any]]:
    named = {"city": release.city, "release": release.name}
    return [named | row for row in release.table("indicators", INDICATORS).to_dicts()]


def _rumours(release: Release) -> list[dict[str, Any]]:
    named = {"city": release.city, "release": release.name, "synthetic": release.is_synthetic}
    rows = release.table("rumours", RUMOURS).to_dicts()
    return [named | row | {name: _parted(row[name]) for name in _LISTS} for row in rows]


def _parted(text: str | None) -> list[str]:
    return text.split(_PARTED_BY) if text else []


def _index(shelf: Shelf, asked: OfRelease) -> Response:
    releases = _chosen(shelf, asked)
    kept = ("is_provided", "is_synthetic", "year", "source", "scores")
    data = [
        {"city": release.city, "release": release.name, **{name: release.index_record[name] for name in kept}}
        for release in releases
    ]
    meaning = next((str(release.index_record["meaning"]) for release in releases), "")
    return json_answer({"meaning": meaning, "data": data}, never_changes=asked.never_changes)


def _release(release: Release) -> dict[str, Any]:
    manifest = release.manifest
    files = [
        {"name": name, **stated, "address": f"/{release.city}/{release.name}/{name}"}
        for name, stated in sorted(manifest["files"].items())
    ]
    return {
        "city": release.city,
        "release": release.name,
        "night": manifest["night"],
        "issued_at": manifest["issued_at"],
        "approved_at": _time(release),
        "approved_by_stand_in": bool(manifest["approval"].get("is_stand_in")),
        "synthetic": release.is_synthetic,
        "files": files,
    }


def _estimates(shelf: Shelf, request: Request, asked: EstimateQuestion) -> Response:
    form = negotiate(asked.format, request.headers.get("accept", ""))
    if form == "geojson" and asked.limit > MOST_FEATURES:
        raise Problem(400, f"GeoJSON repeats a boundary in every row: ask for at most {MOST_FEATURES} a page (limit=)")
    releases = _chosen(shelf, asked)
    found = estimates(releases, asked)
    following = next_address(request, offset=asked.offset, limit=asked.limit, total=found.height)
    about = {
        "releases": {release.city: release.name for release in releases},
        "synthetic": any(release.is_synthetic for release in releases),
        "licence": LICENCE,
        "total": found.height,
        "limit": asked.limit,
        "offset": asked.offset,
        "next": following,
    }
    shapes = [{(r.city, *key): shape for key, shape in r.boundaries.items()} for r in releases if form == "geojson"]
    return answer(
        encoded(form, found.slice(asked.offset, asked.limit), about, shapes),
        MEDIA_TYPES[form],
        never_changes=asked.never_changes,
        link=f'<{following}>; rel="next"' if following else "",
    )
