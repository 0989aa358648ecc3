"""A release as a dataset of a CKAN portal, through its Action API (https://docs.ckan.org/en/2.11/api/).

The dataset is private until every file is there and is made public in one call. What was begun and broke off is
gone on with: nothing is uploaded twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from barometer.errors import NotPermitted, ReleaseRefused, ServiceRefused, ServiceUnavailable, SourceFailed
from barometer.release.destinations import Delivery, Parcel
from barometer.release.manifest import MANIFEST, SIGNATURE, sha256

TIMEOUT_S = 60.0
# The name under which CKAN's own list of licences has Creative Commons Attribution.
LICENCE = "cc-by"
_HASH = "manifest_sha256"
_DESCRIBED_ELSEWHERE = {
    "datapackage.json": ("What every column means (Data Package)", "JSON", "application/json"),
    "csvw.json": ("What every column means (CSV on the Web)", "JSON", "application/json"),
    "catalogue.jsonld": ("The release for catalogues (DCAT-AP)", "JSON-LD", "application/ld+json"),
    "SHA256SUMS": ("Hashes of the files", "TXT", "text/plain"),
    SIGNATURE: ("Signature of the manifest", "TXT", "text/plain"),
    MANIFEST: ("Manifest: hashes, versions, approval", "JSON", "application/json"),
}


class Ckan:
    """One portal, spoken to with a token that is never shown."""

    def __init__(self, url: str, token: str, *, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        # Redirects are not followed: the token goes to the address the operator gave and to no other.
        self._http = httpx.Client(
            headers={"Authorization": token}, timeout=TIMEOUT_S, follow_redirects=False, transport=transport
        )

    def __enter__(self) -> Ckan:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def show(self, dataset: str) -> dict[str, Any] | None:
        """A dataset with its resources; none where there is none."""
        try:
            return self.act("package_show", {"id": dataset})
        except Missing:
            return None

    def act(self, action: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Call an action; returns its result."""
        return self._result(action, json=dict(content))

    def upload(self, action: str, fields: Mapping[str, str], name: str, content: bytes) -> dict[str, Any]:
        """Call an action that takes a file."""
        return self._result(action, data=dict(fields), files={"upload": (name, content)})

    def _result(self, action: str, **request: Any) -> dict[str, Any]:
        try:
            answer = self._http.post(f"{self.url}/api/3/action/{action}", **request)
        except httpx.HTTPError as error:
            raise ServiceUnavailable(
                f"{self.url}: {action} broke off ({type(error).__name__}); publish again, it goes on where it stopped"
            ) from None
        body = _body(answer)
        if answer.is_success and body.get("success") is True and isinstance(body.get("result"), dict):
            return dict(body["result"])
        raise self._failure(action, answer, body)

    def _failure(self, action: str, answer: httpx.Response, body: dict[str, Any]) -> SourceFailed:
        said = f"{self.url}: {action} was refused (HTTP {answer.status_code}: {_said(body)})"
        if answer.status_code == 404:
            return Missing(said)
        if answer.status_code in (401, 403):
            return NotPermitted(f"{said}; the token must be of a member of the organisation who may edit")
        if answer.status_code == 429 or answer.status_code >= 500:
            return ServiceUnavailable(f"{said}; publish again, it goes on where it stopped")
        return ServiceRefused(said)


class Missing(ServiceRefused):
    """There is no such dataset."""


def to_ckan(parcel: Parcel, portal: Ckan, *, organisation: str) -> Delivery:
    """Publish the release as dataset `social-trust-<city>-<name>` of an `organisation` of the portal.

    Raises `ReleaseRefused` where another release of that name is there, `NotPermitted`, `ServiceRefused` or
    `ServiceUnavailable` where the portal does not do as asked.
    """
    name = f"social-trust-{parcel.city}-{parcel.name}".lower()
    found = portal.show(name)
    if found and _extra(found, _HASH) != parcel.manifest_sha256:
        raise ReleaseRefused(f"{portal.url}: holds another dataset {name}; nothing was changed")
    dataset = found or portal.act("package_create", _dataset(parcel, name, organisation))
    uploaded = [_upload(portal, parcel, dataset, file) for file in portal_files(parcel)]
    if dataset["private"]:
        portal.act("package_patch", {"id": dataset["id"], "private": False})
    return Delivery(f"{portal.url}/dataset/{name}", changed=any(uploaded) or bool(dataset["private"]))


def portal_files(parcel: Parcel) -> tuple[str, ...]:
    """What a portal gets: data and what describes them, the manifest last. Pages need their folder, so they stay."""
    described = {resource["path"] for resource in parcel.package["resources"]}
    return tuple(name for name in parcel.files if name in described or name in _DESCRIBED_ELSEWHERE)


def _dataset(parcel: Parcel, name: str, organisation: str) -> dict[str, Any]:
    package = parcel.package
    return {
        "name": name,
        "title": package["title"],
        "notes": package["description"],
        "owner_org": organisation,
        "private": True,
        "license_id": LICENCE,
        "version": parcel.name,
        "tags": [{"name": keyword} for keyword in package["keywords"]],
        "extras": [
            {"key": "release", "value": parcel.name},
            {"key": "identifier", "value": package["id"]},
            {"key": _HASH, "value": parcel.manifest_sha256},
        ],
    }


def _upload(portal: Ckan, parcel: Parcel, dataset: Mapping[str, Any], file: str) -> bool:
    """Upload one file unless the dataset has it with these very bytes; says whether it did."""
    digest = sha256(parcel.folder / file)
    there = [resource for resource in dataset.get("resources", ()) if resource.get("name") == file]
    if there and there[0].get("hash") == digest:
        return False
    fields = _resource(parcel, file) | {"hash": digest, "package_id": str(dataset["id"])}
    action = "resource_update" if there else "resource_create"
    known = {"id": str(there[0]["id"])} if there else {}
    portal.upload(action, fields | known, file, (parcel.folder / file).read_bytes())
    return True


def _resource(parcel: Parcel, file: str) -> dict[str, str]:
    described = {resource["path"]: resource for resource in parcel.package["resources"]}
    if file in described:
        resource = described[file]
        title, form, kind = resource["title"], resource["format"].upper(), resource["mediatype"]
    else:
        title, form, kind = _DESCRIBED_ELSEWHERE[file]
    return {"name": file, "description": title, "format": form, "mimetype": kind}


def _extra(dataset: Mapping[str, Any], key: str) -> str | None:
    return next((str(extra["value"]) for extra in dataset.get("extras", ()) if extra.get("key") == key), None)


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _said(body: Mapping[str, Any]) -> str:
    error = body.get("error")
    if not isinstance(error, dict):
        return "no reason given"
    return "; ".join(f"{key}: {value}" for key, value in error.items() if key != "__type")[:300] or "no reason given"
