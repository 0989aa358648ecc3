"""docker-compose.yml: valid by the Compose specification's own schema, and safe by the house's rules."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
import yaml

from barometer.settings import PROJECT

TEXT = (PROJECT / "docker-compose.yml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer", "worker")
SECRET = re.compile(r"PASSWORD|SECRET|FERNET_KEY")


def test_it_is_valid_by_the_schema_of_the_compose_specification() -> None:
    schema = json.loads(
        files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text("utf-8")
    )
    jsonschema.validators.validator_for(schema)(schema).validate(COMPOSE)


def test_a_mistake_would_be_noticed() -> None:
    schema = json.loads(
        files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text("utf-8")
    )
    wrong = {"services": {"one": {"image": "x", "portz": ["80"]}}}
    assert not jsonschema.validators.validator_for(schema)(schema).is_valid(wrong)


def test_every_part_of_the_cluster_is_there() -> None:
    assert {*AIRFLOW, "postgres", "redis", "objects", "site"} <= set(SERVICES)


@pytest.mark.parametrize("name", AIRFLOW)
def test_airflow_runs_one_image_built_from_this_repository(name: str) -> None:
    assert SERVICES[name]["image"] == SERVICES["prepare"]["image"]
    assert SERVICES["prepare"]["build"] == "."
    assert (PROJECT / "Dockerfile").is_file()


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_limits(name: str) -> None:
    limits = SERVICES[name]["deploy"]["resources"]["limits"]
    assert {"cpus", "memory"} <= set(limits)


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"prepare"}))
def test_every_lasting_service_has_a_health_check(name: str) -> None:
    assert SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", SERVICES)
def test_no_service_gains_privileges(name: str) -> None:
    assert not SERVICES[name].get("privileged")
    assert "no-new-privileges:true" in SERVICES[name].get("security_opt", [])


def test_only_the_interface_and_the_site_can_be_reached_and_from_this_machine_unless_told_otherwise() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"api-server", "site", "api"}
    for port in (port for ports in published.values() for port in ports):
        assert port.startswith(("${BIND_ADDRESS:-127.0.0.1}:", "127.0.0.1:"))


@pytest.mark.parametrize("name", ["postgres", "redis", "objects", "worker", "scheduler"])
def test_what_must_not_be_reached_is_on_the_inner_network_only(name: str) -> None:
    assert SERVICES[name]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_has_a_value_or_a_default(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if SECRET.search(variable) and "FILE" not in variable:
            assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", str(value)), f"{name}: {variable}"


def test_workers_can_be_scaled() -> None:
    worker = SERVICES["worker"]
    assert worker["deploy"]["replicas"] >= 2
    assert "container_name" not in worker
    assert "ports" not in worker


def test_airflow_waits_for_its_database_its_broker_and_the_store() -> None:
    waits = SERVICES["prepare"]["depends_on"]
    assert {name: wait["condition"] for name, wait in waits.items()} == dict.fromkeys(
        ("postgres", "redis", "objects"), "service_healthy"
    )
    for name in AIRFLOW:
        assert SERVICES[name]["depends_on"]["prepare"]["condition"] == "service_completed_successfully"


def test_every_image_is_pinned_to_a_version() -> None:
    for name, service in SERVICES.items():
        default = re.sub(r"\$\{\w+:-([^}]+)\}", r"\1", service["image"])
        assert ":" in default, name
        assert not default.endswith(":latest"), name


def test_the_image_is_built_from_the_lock_with_hashes() -> None:
    dockerfile = (PROJECT / "Dockerfile").read_text("utf-8")
    assert "requirements/cluster.txt" in dockerfile
    assert "--require-hashes" in dockerfile
    assert re.search(r"^USER (?!root)", dockerfile, re.MULTILINE)
