"""What a cluster needs before its parts start: Airflow's database, its pools, the lake's bucket, and its secrets."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from barometer.errors import BadConfiguration, BarometerError
from barometer.ops.cities import city_cards, pool_slots
from barometer.ops.home import ADMIN_USER, new_secrets
from barometer.ops.processes import airflow_command
from barometer.settings import Settings


def prepare_cluster(settings: Settings) -> None:
    """Make or update Airflow's database, then the pools and the lake's bucket. Doing it again changes nothing."""
    _airflow("db", "migrate")
    import_pools(pool_slots(city_cards(settings.configs)))
    make_bucket(settings.lake)


def import_pools(pools: Mapping[str, int]) -> None:
    """Make the pools with Airflow's own command; those that exist get these slots again."""
    described = {name: {"slots": slots, "description": "one platform's rate limit"} for name, slots in pools.items()}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "pools.json"
        file.write_text(json.dumps(described), encoding="utf-8")
        _airflow("pools", "import", str(file))


def make_bucket(lake: str) -> None:
    """Make the bucket of an `s3://bucket/prefix` lake where it is missing; a lake in a folder needs none.

    The store's address and keys come from the usual AWS_* variables.
    """
    scheme, _, place = lake.partition("://")
    if scheme != "s3":
        return
    from pyarrow import fs

    store = fs.S3FileSystem(allow_bucket_creation=True, endpoint_override=os.environ.get("AWS_ENDPOINT_URL"))
    store.create_dir(place.split("/")[0])


def secret_lines() -> list[str]:
    """`NAME=value` lines with fresh secrets for docker-compose.yml; every value is safe in a URL and in a shell."""
    if Path(".env").exists():
        raise BadConfiguration(".env is there already; move it away first (a new one locks you out of the old data)")
    made = new_secrets()
    return [
        f"AIRFLOW_FERNET_KEY={made.fernet_key}",
        f"AIRFLOW_JWT_SECRET={made.jwt_secret}",
        f"AIRFLOW_API_SECRET={made.api_secret}",
        f"AIRFLOW_PASSWORDS='{json.dumps({ADMIN_USER: secrets.token_urlsafe(18)})}'",
        f"POSTGRES_PASSWORD={secrets.token_hex(24)}",
        f"REDIS_PASSWORD={secrets.token_hex(24)}",
        "OBJECTS_USER=barometer",
        f"OBJECTS_PASSWORD={secrets.token_hex(24)}",
    ]


def _airflow(*arguments: str) -> None:
    done = subprocess.run(airflow_command(*arguments), capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise BarometerError(f"airflow {' '.join(arguments)} failed: {lines[-1] if lines else 'without a word'}")
