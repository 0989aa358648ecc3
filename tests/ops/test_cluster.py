import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from barometer.errors import BadConfiguration, BarometerError
from barometer.ops import cluster
from barometer.ops.cluster import import_pools, make_bucket, secret_lines


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[fs.S3FileSystem]:
    """An empty object store that speaks S3."""
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    urllib.request.urlopen(urllib.request.Request(f"{address}/moto-api/reset", method="POST"), timeout=5).close()
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "user",
        "AWS_SECRET_ACCESS_KEY": "password",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield fs.S3FileSystem(endpoint_override=address)
    server.stop()


def buckets(store: fs.S3FileSystem) -> list[str]:
    return [found.path for found in store.get_file_info(fs.FileSelector(""))]


def test_the_lakes_bucket_is_made_once(store: fs.S3FileSystem) -> None:
    for _ in range(2):
        make_bucket("s3://barometer/lake")
    assert buckets(store) == ["barometer"]


def test_a_lake_in_a_folder_needs_no_bucket(store: fs.S3FileSystem, tmp_path: Path) -> None:
    make_bucket(str(tmp_path / "lake"))
    assert buckets(store) == []
    assert not (tmp_path / "lake").exists()


def test_pools_are_handed_to_airflows_own_command(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: list[object] = []

    def airflow(*arguments: str) -> None:
        handed.extend([arguments[:2], json.loads(Path(arguments[2]).read_text("utf-8"))])

    monkeypatch.setattr(cluster, "_airflow", airflow)
    import_pools({"bluesky": 1})
    assert handed == [("pools", "import"), {"bluesky": {"slots": 1, "description": "one platform's rate limit"}}]


def test_a_failing_airflow_command_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "airflow_command", lambda *_: ["sh", "-c", "echo hm; echo no database >&2; exit 1"])
    with pytest.raises(BarometerError, match=r"airflow pools import .* failed: no database"):
        import_pools({"bluesky": 1})


def test_secrets_are_fresh_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = secret_lines(), secret_lines()
    changing = [a != b for a, b in zip(first, second, strict=True) if not a.startswith("OBJECTS_USER=")]
    assert all(changing)


def test_secrets_that_go_into_addresses_need_no_quoting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    values = dict(line.split("=", 1) for line in secret_lines())
    assert all(values[name].isalnum() for name in ("POSTGRES_PASSWORD", "REDIS_PASSWORD", "OBJECTS_PASSWORD"))
    assert json.loads(values["AIRFLOW_PASSWORDS"].strip("'")).keys() == {"admin"}


def test_secrets_in_use_are_not_replaced_by_accident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=old\n", encoding="utf-8")
    with pytest.raises(BadConfiguration, match=r"\.env is there already"):
        secret_lines()
    assert os.listdir(tmp_path) == [".env"]
