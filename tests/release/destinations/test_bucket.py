"""A release in a bucket: over the S3 protocol, and broken off at any object."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pyarrow.fs import LocalFileSystem

from barometer.errors import BadConfiguration, ReleaseRefused, ServiceUnavailable
from barometer.release.destinations import Parcel
from barometer.release.destinations import bucket as module
from barometer.release.destinations.bucket import open_bucket, put, to_bucket
from tests.release.destinations.conftest import variant

BUCKET = "open-data"
URL = f"s3://{BUCKET}/trust"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def objects(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """An empty bucket; yields a view of what is in it."""
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3 = boto3.resource("s3")
    bucket = s3.create_bucket(Bucket=BUCKET)
    yield View(bucket)
    bucket.objects.all().delete()
    bucket.delete()


class View(dict[str, bytes]):
    """Objects of a bucket as they are now."""

    def __init__(self, bucket: object) -> None:
        super().__init__()
        self._bucket = bucket

    def now(self) -> dict[str, bytes]:
        return {
            item.key: item.get()["Body"].read() for item in self._bucket.objects.all() if not item.key.endswith("/")
        }


def test_the_release_is_there_whole_and_pointed_to(objects: View, parcel: Parcel, released: Path) -> None:
    assert to_bucket(parcel, URL).changed
    found = objects.now()
    for name in parcel.files:
        assert found[f"trust/sample/{parcel.name}/{name}"] == (released / name).read_bytes()
    assert json.loads(found["trust/sample/latest.json"])["release"] == parcel.name
    assert len(found) == len(parcel.files) + 1


def test_the_same_release_again_changes_nothing(objects: View, parcel: Parcel) -> None:
    to_bucket(parcel, URL)
    before = objects.now()
    assert not to_bucket(parcel, f"{URL}/").changed
    assert objects.now() == before


def test_a_bucket_that_is_not_there_is_said_in_words(objects: View, parcel: Parcel) -> None:
    with pytest.raises(ServiceUnavailable, match="did not take the release"):
        to_bucket(parcel, "s3://nowhere/trust")


@pytest.mark.parametrize("breaks_at", [0, 5, -2, -1])
def test_broken_off_at_any_object_no_reader_is_led_to_half_of_it(
    parcel: Parcel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks_at: int
) -> None:
    write = module.write_object
    order = [*parcel.files, "latest.json"]
    breaking = order[breaks_at]

    def put_or_break(store: object, path: str, content: bytes) -> None:
        if path.endswith(f"/{breaking}"):
            raise OSError("connection reset")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write(store, path, content)

    monkeypatch.setattr(module, "write_object", put_or_break)
    with pytest.raises(ServiceUnavailable, match="connection reset"):
        put(parcel, LocalFileSystem(), str(tmp_path), "store")
    assert not (tmp_path / "sample" / "latest.json").exists()
    assert (tmp_path / "sample" / parcel.name / "manifest.json").exists() is (breaks_at == -1)
    breaking = "nothing"
    assert put(parcel, LocalFileSystem(), str(tmp_path), "store").changed
    assert all((tmp_path / "sample" / parcel.name / name).is_file() for name in parcel.files)
    assert not put(parcel, LocalFileSystem(), str(tmp_path), "store").changed


def test_another_release_of_that_name_is_never_overwritten(parcel: Parcel, released: Path, tmp_path: Path) -> None:
    for name in parcel.files:  # a folder of the disk needs its folders, which a bucket has not
        (tmp_path / "b" / "sample" / parcel.name / name).parent.mkdir(parents=True, exist_ok=True)
    put(parcel, LocalFileSystem(), str(tmp_path / "b"), "store")
    with pytest.raises(ReleaseRefused, match="another release 2026-05-09-1"):
        put(variant(released, tmp_path / "other"), LocalFileSystem(), str(tmp_path / "b"), "store")


@pytest.mark.parametrize("url", ["", "bucket", "http://x/y", "s3://", "/folder"])
def test_an_address_that_is_no_bucket_is_refused(url: str) -> None:
    with pytest.raises(BadConfiguration, match="s3://bucket/prefix"):
        open_bucket(url)
