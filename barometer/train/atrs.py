"""The UK's Algorithmic Transparency Recording Standard (v4.0): a record made from a model's card and configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from barometer.city import City
from barometer.classify.manifest import read_manifest
from barometer.errors import BadConfiguration
from barometer.indicators import load_indicators
from barometer.settings import Settings
from barometer.tables import LABEL_HEADS
from barometer.train.encoder.evaluate import stored_figures
from barometer.train.encoder.gates import HOSTILE, gates

STANDARD = "Algorithmic Transparency Recording Standard, version 4.0"
STATEMENT_FILE = "atrs.yaml"
_FIELDS = Path(__file__).with_suffix(".yaml")
NOT_STATED = "Not stated by the city."


class Statement(BaseModel):
    """`configs/cities/<id>/atrs.yaml`: what only the city can say. Every field may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    organisation: str = Field(default="", description="the public body that answers for the tool")
    team: str = ""
    senior_responsible_owner: str = Field(default="", description="a role, never a person's name")
    contact_email: str = Field(default="", description="the team's address, never a person's")
    website: str = ""
    phase: str = Field(default="", description="e.g. Private beta, Public beta, Production")
    region: str = ""
    third_party_involvement: str = ""
    third_party: str = ""
    companies_house_number: str = ""
    third_party_role: str = ""
    procurement_procedure_type: str = ""
    third_party_data_access_terms: str = ""
    previous_process: str = ""
    scale: str = Field(default="", description="posts a night, readers of the page")
    required_training: str = ""
    appeals: str = Field(default="", description="where somebody can turn, with an address")
    maintenance: str = Field(default="", description="who looks after it and how often")
    development_data_sharing: str = ""
    operational_data_sharing: str = ""
    impact_assessment: str = Field(default="", description="the DPIA and equality assessment, with addresses")


@dataclass(frozen=True)
class Entry:
    """One field of the record."""

    section: str
    number: str
    name: str
    text: str

    @property
    def is_stated(self) -> bool:
        """Whether there is anything but the city's silence in it."""
        return self.text.strip() != NOT_STATED


def atrs_record(city: City, model: str, settings: Settings) -> list[Entry]:
    """Every field of the standard, in its order, filled in from the model's files, the indicators and the city.

    What only the city can say and does not is said to be `NOT_STATED`. Raises `BadConfiguration` for a broken
    `atrs.yaml`, `BadInput` for a model without card or figures.
    """
    facts = {**_of_model(model, settings), **_of_city(city, settings), **_stated(city)}
    sections = yaml.safe_load(_FIELDS.read_text("utf-8"))
    return [
        Entry(part["section"], field["number"], field["name"], " ".join(field["text"].format_map(facts).split()))
        for part in sections
        for field in part["fields"]
    ]


def to_markdown(city: City, record: list[Entry]) -> str:
    """The record as a document; says first what the city still has to state."""
    lines = [f"# {STANDARD}", "", f"Record of {city.name}.", ""]
    if city.is_synthetic:
        lines += ["**SYNTHETIC: an example for an invented city; no public body runs this.**", ""]
    silent = [entry for entry in record if not entry.is_stated]
    if silent:
        named = ", ".join(f"{entry.number} {entry.name}" for entry in silent)
        lines += [f"Still to be stated by the city, in {STATEMENT_FILE} of its folder: {named}.", ""]
    section = ""
    for entry in record:
        if entry.section != section:
            section = entry.section
            lines += [f"## {section}", ""]
        lines += [f"### {entry.number} {entry.name}", "", entry.text, ""]
    return "\n".join(lines)


def to_json(city: City, record: list[Entry]) -> str:
    """The same as JSON: standard, city, synthetic, fields by number."""
    fields = {e.number: {"section": e.section, "name": e.name, "text": e.text, "stated": e.is_stated} for e in record}
    whole = {"standard": STANDARD, "city": city.id, "synthetic": city.is_synthetic, "fields": fields}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _stated(city: City) -> dict[str, str]:
    path = city.folder / STATEMENT_FILE
    try:
        content = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else {}
        said = Statement.model_validate(content or {}).model_dump()
    except (yaml.YAMLError, ValidationError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{city.id}/{STATEMENT_FILE}: cannot be read: {' '.join(str(error).split())}") from None
    return {name: text or NOT_STATED for name, text in said.items()}


def _of_city(city: City, settings: Settings) -> dict[str, str]:
    return {
        "city_name": city.name,
        "neighbourhoods": f"{city.neighbourhoods.height}",
        "indicators": f"{len(load_indicators(settings.configs).indicators)}",
        "retention_days": f"{city.thresholds.raw_retention_days}",
        "sources": "; ".join(f"{source.id} ({source.signal})" for source in city.sources) or "none configured",
    }


def _of_model(model: str, settings: Settings) -> dict[str, str]:
    manifest, metrics = read_manifest(model, settings.models), stored_figures(settings.models / model)
    training = json.loads((settings.models / model / "training.json").read_text("utf-8"))
    found = gates(metrics, training)
    unmet = {gate.head for gate in found if not gate.is_met}
    return {
        "model_name": manifest.name,
        "model_version": manifest.version,
        "heads": "; ".join(f"{head} ({', '.join(classes)})" for head, classes in LABEL_HEADS.items()),
        "unfit": ", ".join(sorted(unmet & {HOSTILE})) or "none",
        "gates": f"{len(found)}",
        "gates_met": f"{sum(gate.is_met for gate in found)}",
        "scores": _scores(metrics),
        "against_linear": _against(metrics, stored_figures(settings.models / "linear")),
        "hatecheck_neutral": f"{_function(metrics, 'ident_neutral_nh'):.2f}",
        "hatecheck_positive": f"{_function(metrics, 'ident_pos_nh'):.2f}",
        "flips_listed": _flips(metrics, "listed"),
        "flips_others": _flips(metrics, "others"),
        "architecture": "A transformer of six layers (MiniLM-L6, 22.7 million parameters) with four heads, int8.",
        "datasets": "; ".join(f"{name}: {role}" for name, role in _sets(training)),
        "quantities": "; ".join(f"{part.replace('_', ' ')}: {_summed(by)}" for part, by in training["posts"].items()),
    }


def _scores(metrics: Mapping[str, Any]) -> str:
    heads = {head: part["all"] for head, part in metrics["dev"].items()}
    return "; ".join(
        f"{head} {part['macro_f1']:.2f} ({part['lower']:.2f} to {part['upper']:.2f})" for head, part in heads.items()
    )


def _against(metrics: Mapping[str, Any], linear: Mapping[str, Any]) -> str:
    pairs = {
        head: (part["all"]["macro_f1"], linear["dev"][head]["all"]["macro_f1"]) for head, part in metrics["dev"].items()
    }
    return "; ".join(f"{head} {own:.2f} against {other:.2f}" for head, (own, other) in pairs.items())


def _function(metrics: Mapping[str, Any], name: str) -> float:
    return float(metrics["hatecheck"]["by_functionality"][name]["accuracy"])


def _flips(metrics: Mapping[str, Any], kind: str) -> str:
    rates = metrics["swaps"][kind]
    return f"trust {rates['trust']:.1%}, rumour {rates['rumour']:.1%}"


def _sets(training: Mapping[str, Any]) -> list[tuple[str, str]]:
    roles: dict[str, list[str]] = {}
    for part, by_set in training["posts"].items():
        for name, posts in by_set.items():
            if posts:
                roles.setdefault(name, []).append(part.replace("_", " "))
    return [(name, ", ".join(parts)) for name, parts in sorted(roles.items())]


def _summed(by_set: Mapping[str, int]) -> str:
    return f"{sum(by_set.values()):,} posts ({', '.join(f'{name} {n:,}' for name, n in by_set.items() if n)})"
