"""A release on a CKAN portal: over real sockets, begun again wherever it broke off, never half seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from barometer.errors import NotPermitted, ReleaseRefused, ServiceRefused, ServiceUnavailable
from barometer.release.destinations import Delivery, Parcel
from barometer.release.destinations.ckan import Ckan, portal_files, to_ckan
from tests.release.destinations.ckan_stand_in import ORGANISATION, TOKEN, Portal, StandIn
from tests.release.destinations.conftest import variant

NAME = "social-trust-sample-2026-05-09-1"


@pytest.fixture
def served() -> Iterator[StandIn]:
    with StandIn() as stand_in:
        yield stand_in


def publish(served: StandIn, parcel: Parcel, *, token: str = TOKEN, organisation: str = ORGANISATION) -> Delivery:
    with Ckan(served.url, token) as portal:
        return to_ckan(parcel, portal, organisation=organisation)


def contents(portal: Portal) -> dict[str, bytes]:
    return {r["name"]: portal.files[r["id"]] for r in portal.datasets[NAME]["resources"]}


def was_never_half_seen(portal: Portal, parcel: Parcel) -> bool:
    return all(not is_public or count == len(portal_files(parcel)) for is_public, count in portal.seen_by_readers)


def test_the_dataset_has_every_file_and_is_public(served: StandIn, parcel: Parcel, released: Path) -> None:
    delivery = publish(served, parcel)
    assert delivery.changed
    assert delivery.place.endswith(f"/dataset/{NAME}")
    dataset = served.portal.visible(NAME)
    assert dataset is not None
    assert dataset["title"].startswith("Synthetic")
    assert contents(served.portal) == {name: (released / name).read_bytes() for name in portal_files(parcel)}
    assert was_never_half_seen(served.portal, parcel)


def test_a_portal_gets_data_and_their_descriptions_and_no_pages(parcel: Parcel) -> None:
    names = portal_files(parcel)
    assert {
        "estimates.csv",
        "estimates.gpkg",
        "datapackage.json",
        "csvw.json",
        "catalogue.jsonld",
        "SHA256SUMS",
    } <= set(names)
    assert names[-1] == "manifest.json"
    assert not any(name.endswith((".html", ".css", ".js")) for name in names)


def test_a_resource_says_what_it_is(served: StandIn, parcel: Parcel) -> None:
    publish(served, parcel)
    resources = {r["name"]: r for r in served.portal.datasets[NAME]["resources"]}
    assert resources["estimates.csv"]["format"] == "CSV"
    assert resources["estimates.csv"]["hash"] == parcel.manifest["files"]["estimates.csv"]["sha256"]
    assert resources["estimates.gpkg"]["mimetype"] == "application/geopackage+sqlite3"
    assert all(resource["description"] for resource in resources.values())


def test_the_same_release_again_changes_nothing(served: StandIn, parcel: Parcel) -> None:
    publish(served, parcel)
    served.portal.calls.clear()
    assert not publish(served, parcel).changed
    assert served.portal.calls == ["package_show"]


@pytest.mark.parametrize("answers", [0, 1, 2, 9, 21])
def test_broken_off_anywhere_it_goes_on_from_there(served: StandIn, parcel: Parcel, answers: int) -> None:
    portal = served.portal
    portal.requests_left = answers
    with pytest.raises(ServiceUnavailable, match="publish again"):
        publish(served, parcel)
    assert portal.visible(NAME) is None
    portal.requests_left = None
    assert publish(served, parcel).changed
    assert len(contents(portal)) == len(portal.datasets[NAME]["resources"]) == len(portal_files(parcel))
    assert portal.calls.count("resource_create") == len(portal_files(parcel))
    assert was_never_half_seen(portal, parcel)


def test_a_file_that_arrived_otherwise_is_sent_again(served: StandIn, parcel: Parcel) -> None:
    publish(served, parcel)
    resource = served.portal.datasets[NAME]["resources"][0]
    resource["hash"] = "0" * 64
    assert publish(served, parcel).changed
    assert served.portal.calls.count("resource_update") == 1
    assert len(served.portal.datasets[NAME]["resources"]) == len(portal_files(parcel))


def test_another_release_of_that_name_is_never_overwritten(
    served: StandIn, parcel: Parcel, released: Path, tmp_path: Path
) -> None:
    publish(served, parcel)
    before = contents(served.portal)
    with pytest.raises(ReleaseRefused, match="nothing was changed"):
        publish(served, variant(released, tmp_path / "other"))
    assert contents(served.portal) == before


def test_a_token_that_does_not_open_is_said_and_not_shown(served: StandIn, parcel: Parcel) -> None:
    with pytest.raises(NotPermitted, match="the token must be of a member") as refused:
        publish(served, parcel, token="wrong-token")
    assert "wrong-token" not in str(refused.value)
    assert "wrong-token" not in repr(Ckan(served.url, "wrong-token"))


def test_an_organisation_that_is_not_ours_is_said(served: StandIn, parcel: Parcel) -> None:
    with pytest.raises(NotPermitted, match="not authorized to add dataset"):
        publish(served, parcel, organisation="others")
    with pytest.raises(ServiceRefused, match="no organization"):
        publish(served, parcel, organisation="")
