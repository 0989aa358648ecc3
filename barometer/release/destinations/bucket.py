"""A release in a bucket of an object store (S3 and what speaks its protocol)."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from pyarrow import ArrowException
from pyarrow.fs import FileSystem, FileType, S3FileSystem

from barometer.errors import BadConfiguration, ReleaseRefused, ServiceUnavailable
from barometer.release.destinations import Delivery, Parcel, is_newer
from barometer.release.manifest import MANIFEST
from barometer.release.publish import LATEST

CONNECT_TIMEOUT_S, REQUEST_TIMEOUT_S = 10, 60


def to_bucket(parcel: Parcel, url: str) -> Delivery:
    """Put the release at `<url>/<city>/<name>/` (`s3://bucket/prefix`), the usual `AWS_*` variables saying how.

    An object appears whole or not at all. The manifest is written after every other file and `latest.json` after that,
    so whoever follows either finds a whole release. Raises `ReleaseRefused` where another release of that name is
    there, `ServiceUnavailable` where the store does not answer: publish again, it begins anew where no manifest is.
    """
    store, root = open_bucket(url)
    return put(parcel, store, root, url)


def open_bucket(url: str) -> tuple[FileSystem, str]:
    """The store and the path in it (`bucket/prefix`) that a URL names."""
    parts = urlsplit(url)
    if parts.scheme != "s3" or not parts.netloc:
        raise BadConfiguration(f"{url}: write a bucket as s3://bucket/prefix")
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    store = S3FileSystem(
        endpoint_override=endpoint,
        region=os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"),
        connect_timeout=CONNECT_TIMEOUT_S,
        request_timeout=REQUEST_TIMEOUT_S,
        # A store in which nobody made the bucket is not one to publish in.
        allow_bucket_creation=False,
    )
    return store, f"{parts.netloc}{parts.path}".rstrip("/")


def put(parcel: Parcel, store: FileSystem, root: str, shown: str) -> Delivery:
    """Put the release below `root` of any store that pyarrow knows; `shown` names it in words."""
    city = f"{root}/{parcel.city}"
    try:
        placed = _placed(parcel, store, f"{city}/{parcel.name}", shown)
        if not placed:
            for name in parcel.files:
                write_object(store, f"{city}/{parcel.name}/{name}", (parcel.folder / name).read_bytes())
        moved = is_newer(parcel, _read(store, f"{city}/{LATEST}"))
        if moved:
            write_object(store, f"{city}/{LATEST}", parcel.pointer)
    except (OSError, ArrowException) as error:
        reason = " ".join(str(error).split())[:200]
        raise ServiceUnavailable(f"{shown}: did not take the release ({reason}); publish again") from None
    return Delivery(f"{shown.rstrip('/')}/{parcel.city}/{parcel.name}", changed=moved or not placed)


def write_object(store: FileSystem, path: str, content: bytes) -> None:
    """One object, whole."""
    with store.open_output_stream(path) as stream:
        stream.write(content)


def _placed(parcel: Parcel, store: FileSystem, folder: str, shown: str) -> bool:
    found = _read(store, f"{folder}/{MANIFEST}")
    if found is not None and found != (parcel.folder / MANIFEST).read_bytes():
        raise ReleaseRefused(f"{shown}: holds another release {parcel.name} of {parcel.city}; nothing was changed")
    return found is not None


def _read(store: FileSystem, path: str) -> bytes | None:
    if store.get_file_info(path).type != FileType.File:
        return None
    with store.open_input_stream(path) as stream:
        return bytes(stream.read())
