"""The catalogue in DCAT-AP 3: as the profile asks (by SHACL), and true of the files."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyshacl import validate
from rdflib import DCAT, DCTERMS, FOAF, RDF, Graph, Literal, Namespace, URIRef

from barometer.night import Night
from barometer.release.catalogue import catalogue
from barometer.release.content import collect_content

SHAPES = Graph().parse(Path(__file__).parent / "shapes" / "dcat_ap_3_mandatory.ttl", format="turtle")
PLACE = "https://data.example.org/sample/2026-05-09-1/"
SPDX = Namespace("http://spdx.org/rdf/terms#")


def read(text: str) -> Graph:
    return Graph().parse(data=text, format="json-ld", publicID=f"{PLACE}catalogue.jsonld")


@pytest.fixture(scope="module")
def graph(released: Path) -> Graph:
    return read((released / "catalogue.jsonld").read_text("utf-8"))


@pytest.fixture(scope="module")
def with_service(sample: Night, released: Path) -> Graph:
    package = json.loads((released / "datapackage.json").read_text("utf-8"))
    settings = sample.settings.model_copy(update={"public_url": "https://trust.example.org/"})
    made = catalogue(package, collect_content(sample), replace(sample, settings=settings))
    return read(json.dumps(made, default=str))


def report(graph: Graph) -> tuple[bool, str]:
    conforms, _, text = validate(graph, shacl_graph=SHAPES)
    return bool(conforms), str(text)


def test_it_is_as_the_profile_asks(graph: Graph) -> None:
    conforms, text = report(graph)
    assert conforms, text


def test_it_still_is_with_the_api_in_it(with_service: Graph) -> None:
    conforms, text = report(with_service)
    assert conforms, text
    (service,) = with_service.subjects(RDF.type, DCAT.DataService)
    assert service == URIRef("https://trust.example.org/v1")
    assert with_service.value(service, DCAT.endpointDescription) == URIRef("https://trust.example.org/openapi.json")


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (DCAT.Catalog, DCTERMS.title),
        (DCAT.Catalog, DCTERMS.description),
        (DCAT.Catalog, DCTERMS.publisher),
        (DCAT.Dataset, DCTERMS.title),
        (DCAT.Dataset, DCTERMS.description),
        (DCAT.Distribution, DCAT.accessURL),
        (DCAT.DataService, DCAT.endpointURL),
        (DCAT.DataService, DCTERMS.title),
        (FOAF.Agent, FOAF.name),
        (SPDX.Checksum, SPDX.algorithm),
        (SPDX.Checksum, SPDX.checksumValue),
    ],
)
def test_the_shapes_notice_what_is_left_out(with_service: Graph, kind: URIRef, path: URIRef) -> None:
    lacking = Graph() + with_service
    subject = sorted(lacking.subjects(RDF.type, kind))[0]
    lacking.remove((subject, path, None))
    assert not report(lacking)[0]


def test_without_a_public_address_no_api_is_claimed(graph: Graph) -> None:
    assert not list(graph.subjects(RDF.type, DCAT.DataService))


def test_addresses_are_where_the_catalogue_is(graph: Graph, released: Path) -> None:
    addresses = {str(address) for address in graph.objects(None, DCAT.downloadURL)}
    assert f"{PLACE}estimates.csv" in addresses
    assert all((released / address.removeprefix(PLACE)).is_file() for address in addresses)


def test_sizes_and_hashes_are_those_of_the_files(graph: Graph, released: Path) -> None:
    for distribution in graph.subjects(RDF.type, DCAT.Distribution):
        content = (released / str(graph.value(distribution, DCAT.downloadURL)).removeprefix(PLACE)).read_bytes()
        checksum = graph.value(distribution, SPDX.checksum)
        stated: Any = graph.value(checksum, SPDX.checksumValue)
        assert str(stated).lower() == hashlib.sha256(content).hexdigest()
        assert int(graph.value(distribution, DCAT.byteSize)) == len(content)


def test_a_synthetic_release_says_so(graph: Graph) -> None:
    assert Literal("synthetic", lang="en") in set(graph.objects(None, DCAT.keyword))
    assert any(str(text).startswith("SYNTHETIC") for text in graph.objects(None, DCTERMS.description))


def test_nothing_is_fetched_to_read_it(released: Path) -> None:
    context = json.loads((released / "catalogue.jsonld").read_text("utf-8"))["@context"]
    assert isinstance(context, dict)
