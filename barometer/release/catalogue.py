"""`catalogue.jsonld`: the release for data portals, in DCAT-AP 3 (https://semiceu.github.io/DCAT-AP/releases/3.0.1/).

Addresses of files are relative to this file, so the catalogue is right wherever the release is put.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from shapely.geometry import box, shape

from barometer.night import Night
from barometer.release.content import Content

CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_EU = "http://publications.europa.eu/resource/authority"
_MEDIA = "https://www.iana.org/assignments/media-types"
_WKT = "http://www.opengis.net/ont/geosparql#wktLiteral"
_FORMATS = {"csv": "CSV", "json": "JSON", "geojson": "GEOJSON", "gpkg": "GPKG"}
_ENGLISH = {"@id": f"{_EU}/language/ENG", "@type": "dct:LinguisticSystem"}


def catalogue(package: Mapping[str, Any], content: Content, night: Night) -> dict[str, Any]:
    """The catalogue of one release: its dataset, a distribution a file, and the API where the city says it has one."""
    dataset = _dataset(package, content, night)
    service = _service(package, night.settings.public_url, dataset["@id"])
    publisher = _publisher(night)
    return {
        "@context": CONTEXT,
        "@id": "",
        "@type": "dcat:Catalog",
        "dct:title": _text(f"Social Trust Barometer of {night.city.name}"),
        "dct:description": _text("Published trust indicators per neighbourhood, each with its error."),
        "dct:publisher": publisher,
        "dct:license": _licence(package),
        "dct:language": _ENGLISH,
        "dct:issued": _day(night.night),
        "dcat:dataset": dataset,
        **({"dcat:service": service} if service else {}),
    }


def _dataset(package: Mapping[str, Any], content: Content, night: Night) -> dict[str, Any]:
    return {
        "@id": package["id"],
        "@type": "dcat:Dataset",
        "dct:title": _text(package["title"]),
        "dct:description": _text(package["description"]),
        "dct:identifier": package["id"],
        "dct:publisher": {"@id": _publisher(night)["@id"]},
        "dct:issued": _day(night.night),
        "dct:language": _ENGLISH,
        "dct:accessRights": {"@id": f"{_EU}/access-right/PUBLIC", "@type": "dct:RightsStatement"},
        "dct:accrualPeriodicity": {"@id": f"{_EU}/frequency/DAILY", "@type": "dct:Frequency"},
        "dct:temporal": _temporal(content),
        "dct:spatial": _spatial(night),
        "dct:provenance": [{"@type": "dct:ProvenanceStatement", "rdfs:label": line} for line in night.city.attribution],
        "dcat:theme": _concept(f"{_EU}/data-theme/SOCI", "Population and society"),
        "dcat:keyword": [_text(keyword) for keyword in package["keywords"]],
        "dcat:version": package["version"],
        "dcat:distribution": [_distribution(resource, package) for resource in package["resources"]],
    }


def _distribution(resource: Mapping[str, Any], package: Mapping[str, Any]) -> dict[str, Any]:
    kind = _FORMATS.get(resource["format"])
    form = {"dct:format": {"@id": f"{_EU}/file-type/{kind}", "@type": "dct:MediaTypeOrExtent"}} if kind else {}
    return {
        "@id": f"#{resource['name']}",
        "@type": "dcat:Distribution",
        "dct:title": _text(resource["title"]),
        "dcat:accessURL": {"@id": resource["path"]},
        "dcat:downloadURL": {"@id": resource["path"]},
        "dcat:mediaType": {"@id": f"{_MEDIA}/{resource['mediatype']}", "@type": "dct:MediaType"},
        **form,
        "dcat:byteSize": {"@value": str(resource["bytes"]), "@type": "xsd:nonNegativeInteger"},
        "dct:license": _licence(package),
        "dcatap:availability": _concept(f"{_EU}/planned-availability/STABLE", "stable"),
        "spdx:checksum": {
            "@type": "spdx:Checksum",
            "spdx:algorithm": {"@id": "spdx:checksumAlgorithm_sha256", "@type": "spdx:ChecksumAlgorithm"},
            "spdx:checksumValue": {"@value": resource["hash"].removeprefix("sha256:"), "@type": "xsd:hexBinary"},
        },
    }


def _service(package: Mapping[str, Any], public_url: str, dataset: str) -> dict[str, Any] | None:
    if not public_url:
        return None
    base = public_url.rstrip("/")
    return {
        "@id": f"{base}/v1",
        "@type": "dcat:DataService",
        "dct:title": _text("API of the Social Trust Barometer"),
        "dcat:endpointURL": {"@id": f"{base}/v1"},
        "dcat:endpointDescription": {"@id": f"{base}/openapi.json"},
        "dcat:servesDataset": {"@id": dataset},
        "dct:license": _licence(package),
    }


def _concept(address: str, label: str) -> dict[str, Any]:
    return {"@id": address, "@type": "skos:Concept", "skos:prefLabel": _text(label)}


def _publisher(night: Night) -> dict[str, Any]:
    return {"@id": "#publisher", "@type": "foaf:Agent", "foaf:name": _text(night.city.name)}


def _licence(package: Mapping[str, Any]) -> dict[str, str]:
    return {"@id": package["licenses"][0]["path"], "@type": "dct:LicenseDocument"}


def _temporal(content: Content) -> dict[str, Any]:
    days = content.estimates.select("period_start", "period_end")
    first, last = days["period_start"].min(), days["period_end"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    return {"@type": "dct:PeriodOfTime", "dcat:startDate": _day(first), "dcat:endDate": _day(last)}


def _spatial(night: Night) -> dict[str, Any]:
    """The box around the city (longitude, latitude; WGS84)."""
    bounds = [shape(feature["geometry"]).bounds for feature in night.city.boundaries()["features"]]
    west, south, east, north = zip(*bounds, strict=True)
    around = box(min(west), min(south), max(east), max(north)).wkt
    return {"@type": "dct:Location", "dcat:bbox": {"@value": around, "@type": _WKT}}


def _text(words: str) -> dict[str, str]:
    return {"@value": words, "@language": "en"}


def _day(day: date) -> dict[str, str]:
    return {"@value": day.isoformat(), "@type": "xsd:date"}
