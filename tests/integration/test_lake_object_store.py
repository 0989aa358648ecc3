"""The lake on an object store (S3 protocol, served on this machine): the same promises as in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.request import Request, urlopen

import boto3
import polars as pl
import pytest
from moto.server import ThreadedMotoServer

from barometer.lake import Lake, open_lake
from barometer.settings import Settings
from tests.rows import NIGHT, rows

BUCKET = "barometer"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """An S3 service on a free port, with the usual AWS_* variables pointing at it; yields a client."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    urlopen(Request(f"http://{':'.join(map(str, server.get_host_and_port()))}/moto-api/reset", method="POST")).close()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "eu-west-2",
        "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_ALLOW_HTTP": "true",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-2"})
    yield client
    server.stop()


@pytest.fixture
def remote(store: object) -> Lake:
    return open_lake(Settings(lake=f"s3://{BUCKET}/lake"), "testville")


def test_what_is_written_is_read_back_and_written_once(remote: Lake) -> None:
    frame = rows("posts", {"post": "a"}, {"post": "b"})
    assert remote.append("posts", frame) == 2
    assert remote.append("posts", frame) == 0
    assert remote.read("posts").collect()["post"].sort().to_list() == ["a", "b"]


def test_a_partition_is_replaced_as_a_whole(remote: Lake) -> None:
    for source in ("a", "b"):
        remote.append("cursors", rows("cursors", {"source": source, "cursor": "1"}))
    remote.replace(
        "cursors", rows("cursors", {"source": "a", "cursor": "2"}), partition={"night": NIGHT, "source": "a"}
    )
    assert dict(remote.read("cursors").collect().select("source", "cursor").iter_rows()) == {"a": "2", "b": "1"}


def test_a_removed_post_leaves_no_byte_in_the_store(remote: Lake, store: object) -> None:
    for table in ("received_posts", "posts", "labels"):
        remote.append(table, rows(table, {"post": "pseudonym-gone"}, {"post": "pseudonym-kept"}))
    remote.remove("received_posts", pl.DataFrame({"post": ["pseudonym-gone"]}))
    kept = [
        o["Key"] for page in store.get_paginator("list_objects_v2").paginate(Bucket=BUCKET) for o in page["Contents"]
    ]  # type: ignore[attr-defined]
    left = b"".join(store.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in kept)  # type: ignore[attr-defined]
    assert b"pseudonym-kept" in left
    assert b"pseudonym-gone" not in left
