"""The form of the OGC API's answers (OGC 17-069r4, and GeoJSON, RFC 7946), for the OpenAPI description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class Link(BaseModel):
    """Where something else is."""

    href: str
    rel: str
    type: str
    title: str | None = None


class Landing(BaseModel):
    """The way in."""

    title: str
    description: str
    links: list[Link]


class Conformance(BaseModel):
    """Which parts of the standard are kept to."""

    conformsTo: list[str]  # noqa: N815 (the standard's name)


class Collection(BaseModel):
    """One geography of a city."""

    id: str
    title: str
    description: str
    itemType: Literal["feature"]  # noqa: N815 (the standard's name)
    crs: list[str]
    extent: dict[str, Any]
    links: list[Link]


class Collections(BaseModel):
    """Every collection."""

    links: list[Link]
    collections: list[Collection]


class Geometry(BaseModel):
    """A polygon or several, WGS84."""

    type: str
    coordinates: list[Any]


class Feature(BaseModel):
    """An area or a figure of one; the whole city has no boundary here."""

    type: Literal["Feature"]
    geometry: Geometry | None
    properties: dict[str, Any]


class FeatureCollection(BaseModel):
    """Features."""

    type: Literal["FeatureCollection"]
    features: list[Feature]


class Item(Feature):
    """One area with its newest figures."""

    id: str
    links: list[Link]


class AreaFeature(Feature):
    """One area of a page, with its newest figures."""

    id: str


class Items(BaseModel):
    """A page of areas."""

    type: Literal["FeatureCollection"]
    numberMatched: int = Field(ge=0)  # noqa: N815 (the standard's name)
    numberReturned: int = Field(ge=0)  # noqa: N815 (the standard's name)
    links: list[Link]
    features: list[AreaFeature]
