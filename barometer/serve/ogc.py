"""`/ogc`: the newest figures of every area as OGC API Features, part 1 (core and GeoJSON; OGC 17-069r4)."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, field_validator
from shapely.geometry import box, shape

from barometer.serve import ogc_models as forms
from barometer.serve.answers import json_answer, next_address
from barometer.serve.problems import NotFound
from barometer.serve.query import Question
from barometer.serve.shelf import Release, Shelf

GEOJSON = "application/geo+json"
CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
)
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
DEFAULT_LIMIT, MAXIMUM_LIMIT = 10, 10_000
_OPEN_ENDS = ("", "..")

Box = tuple[float, float, float, float]
Interval = tuple[date, date]


class ItemsQuestion(Question):
    """Which features of a collection, how many at a time."""

    bbox: str | None = Field(
        None,
        description="west,south,east,north in degrees (six numbers with heights are taken too)",
        pattern=r"^-?\d{1,9}(\.\d{1,12})?(,-?\d{1,9}(\.\d{1,12})?){3}((,-?\d{1,9}(\.\d{1,12})?){2})?$",
    )
    datetime: str | None = Field(
        None, max_length=80, description="a day or time (RFC 3339), or an interval a/b, ../b, a/.., of figures' periods"
    )
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAXIMUM_LIMIT, description="features a page")
    offset: int = Field(0, ge=0, le=1_000_000_000, description="features to leave out before the first")

    @field_validator("bbox")
    @classmethod
    def _is_a_box(cls, text: str | None) -> str | None:
        if text and not _is_box(box_of(text)):
            raise ValueError("south must not lie north of north, and degrees not beyond 180 and 90")
        return text

    @field_validator("datetime")
    @classmethod
    def _is_an_interval(cls, text: str | None) -> str | None:
        if text is not None:
            interval_of(text)
        return text


def box_of(text: str) -> Box:
    """(west, south, east, north) of a bbox of four or six numbers."""
    numbers = [float(part) for part in text.split(",")]
    half = len(numbers) // 2
    return numbers[0], numbers[1], numbers[half], numbers[half + 1]


def _is_box(bounds: Box) -> bool:
    west, south, east, north = bounds
    return south <= north and max(abs(west), abs(east)) <= 180 and max(abs(south), abs(north)) <= 90


def interval_of(text: str) -> Interval:
    """First and last day (UTC) of a `datetime` parameter. Raises `ValueError` if it is none."""
    begin, slash, end = text.partition("/")
    if not slash:
        return _day(begin), _day(begin)
    if begin in _OPEN_ENDS and end in _OPEN_ENDS:
        raise ValueError("an interval needs at least one end")
    first = date.min if begin in _OPEN_ENDS else _day(begin)
    last = date.max if end in _OPEN_ENDS else _day(end)
    if first > last:
        raise ValueError("the interval ends before it begins")
    return first, last


def _day(text: str) -> date:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}([Tt].{1,40})?", text, re.ASCII):
        raise ValueError("write days as 2026-05-09, times as 2026-05-09T12:00:00Z")
    moment = datetime.fromisoformat(text.upper().replace("Z", "+00:00"))
    try:
        return (moment if moment.tzinfo is None else moment.astimezone(UTC)).date()
    except OverflowError:
        raise ValueError("that day is out of range") from None


def ogc(shelf: Shelf) -> APIRouter:
    """The routes of `/ogc` over the newest releases on the shelf. A collection is a city's geography."""
    router = APIRouter(prefix="/ogc")

    @router.get("", response_model=forms.Landing, summary="OGC API: where to go from here")
    def landing(_: Annotated[Question, Query()]) -> Response:
        return json_answer(_landing())

    @router.get("/conformance", response_model=forms.Conformance, summary="OGC API: what is kept to")
    def conformance(_: Annotated[Question, Query()]) -> Response:
        return json_answer({"conformsTo": CONFORMS_TO})

    @router.get("/collections", response_model=forms.Collections, summary="OGC API: one collection a geography")
    def collections(_: Annotated[Question, Query()]) -> Response:
        found = [_collection(name, release, features) for name, (release, features) in _known(shelf).items()]
        return json_answer({"links": [_link("/ogc/collections", "self")], "collections": found})

    @router.get("/collections/{collection}", response_model=forms.Collection, summary="OGC API: one collection")
    def one_collection(collection: str, _: Annotated[Question, Query()]) -> Response:
        return json_answer(_collection(collection, *_of(shelf, collection)))

    @router.get("/collections/{collection}/items", **_geojson(forms.Items), summary="OGC API: areas with their figures")
    def items(request: Request, collection: str, asked: Annotated[ItemsQuestion, Query()]) -> Response:
        return _items(request, _of(shelf, collection)[1], asked, collection)

    @router.get("/collections/{collection}/items/{feature}", **_geojson(forms.Item), summary="OGC API: one area")
    def item(collection: str, feature: str, _: Annotated[Question, Query()]) -> Response:
        return _item(_of(shelf, collection)[1], collection, feature)

    return router


def _geojson(model: type) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    content = {GEOJSON: {"schema": reference}}
    return {"response_class": Response, "responses": {200: {"description": "GeoJSON, WGS84", "content": content}}}


def _link(href: str, rel: str, kind: str = "application/json", title: str = "") -> dict[str, str]:
    return {"href": href, "rel": rel, "type": kind} | ({"title": title} if title else {})


def _landing() -> dict[str, Any]:
    return {
        "title": "Social Trust Barometer",
        "description": "Newest published trust indicators per area, with boundaries",
        "links": [
            _link("/ogc", "self"),
            _link("/openapi.json", "service-desc", "application/vnd.oai.openapi+json;version=3.1"),
            _link("/docs", "service-doc", "text/html"),
            _link("/ogc/conformance", "conformance"),
            _link("/ogc/collections", "data"),
        ],
    }


def _known(shelf: Shelf) -> dict[str, tuple[Release, list[dict[str, Any]]]]:
    """Collection -> the release it is from, and its features."""
    found: dict[str, tuple[Release, list[dict[str, Any]]]] = {}
    for release in shelf.select(city=None, release=None, as_of=None):
        for feature in release.features:
            name = f"{release.city}-{feature['properties']['geography']}"
            found.setdefault(name, (release, []))[1].append(feature)
    return found


def _of(shelf: Shelf, collection: str) -> tuple[Release, list[dict[str, Any]]]:
    known = _known(shelf)
    if collection not in known:
        raise NotFound(f"no collection {collection!r}; collections are: {', '.join(known) or 'none yet'}")
    return known[collection]


def _collection(name: str, release: Release, features: list[dict[str, Any]]) -> dict[str, Any]:
    bounds = [shape(feature["geometry"]).bounds for feature in features]
    west, south, east, north = zip(*bounds, strict=True)
    first, last = _extent(features)
    return {
        "id": name,
        "title": f"{release.city_name}: newest figures by {features[0]['properties']['geography']}",
        "description": f"Release {release.name}" + (", SYNTHETIC" if release.is_synthetic else ""),
        "itemType": "feature",
        "crs": [CRS84],
        "extent": {
            "spatial": {"bbox": [[min(west), min(south), max(east), max(north)]], "crs": CRS84},
            "temporal": {"interval": [[_midnight(first), _midnight(last)]], "trs": GREGORIAN},
        },
        "links": [
            _link(f"/ogc/collections/{name}", "self"),
            _link(f"/ogc/collections/{name}/items", "items", GEOJSON),
            _link("https://creativecommons.org/licenses/by/4.0/", "license", "text/html"),
        ],
    }


def _midnight(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _periods(feature: dict[str, Any]) -> list[Interval]:
    """The periods of a feature's figures."""
    stated = feature["properties"]
    begun = [name for name in stated if name.endswith("_period_start") and stated[name]]
    return [
        (date.fromisoformat(stated[name]), date.fromisoformat(stated[name.removesuffix("start") + "end"]))
        for name in begun
    ]


def _extent(features: list[dict[str, Any]]) -> Interval:
    periods = [period for feature in features for period in _periods(feature)]
    return min(first for first, _ in periods), max(last for _, last in periods)


def _items(request: Request, features: list[dict[str, Any]], asked: ItemsQuestion, collection: str) -> Response:
    fitting = [feature for feature in features if _fits(feature, asked)]
    page = fitting[asked.offset : asked.offset + asked.limit]
    following = next_address(request, offset=asked.offset, limit=asked.limit, total=len(fitting))
    here = f"{request.url.path}?{request.url.query}".removesuffix("?")
    links = [_link(here, "self", GEOJSON), _link(f"/ogc/collections/{collection}", "collection")]
    content = {
        "type": "FeatureCollection",
        "numberMatched": len(fitting),
        "numberReturned": len(page),
        "links": [*links, *([_link(following, "next", GEOJSON)] if following else [])],
        "features": [_with_id(feature) for feature in page],
    }
    return json_answer(content, media_type=GEOJSON)


def _fits(feature: dict[str, Any], asked: ItemsQuestion) -> bool:
    if asked.bbox and not _touches(feature, box_of(asked.bbox)):
        return False
    if asked.datetime is None:
        return True
    first, last = interval_of(asked.datetime)
    # A feature without a time fits every time (requirement 26).
    periods = _periods(feature)
    return not periods or any(begun <= last and ended >= first for begun, ended in periods)


def _touches(feature: dict[str, Any], bounds: Box) -> bool:
    west, south, east, north = bounds
    # A box over the 180th meridian lies on both its sides.
    parts = (
        [box(west, south, east, north)]
        if west <= east
        else [box(west, south, 180, north), box(-180, south, east, north)]
    )
    geometry = shape(feature["geometry"])
    return any(geometry.intersects(part) for part in parts)


def _with_id(feature: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "id": feature["properties"]["area"], **feature}


def _item(features: list[dict[str, Any]], collection: str, wanted: str) -> Response:
    for feature in features:
        if feature["properties"]["area"] == wanted:
            here = f"/ogc/collections/{collection}"
            links = [_link(f"{here}/items/{wanted}", "self", GEOJSON), _link(here, "collection")]
            return json_answer({**_with_id(feature), "links": links}, media_type=GEOJSON)
    raise NotFound(f"no area {wanted!r} in {collection}; see /ogc/collections/{collection}/items")
