"""What a model must reach before nights use it, and what of it may be published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from barometer.classify.manifest import read_manifest
from barometer.classify.model import PROMOTED, PROMOTION
from barometer.errors import BadInput
from barometer.train.encoder.evaluate import stored_figures

FLOORS = {"trust": 0.78, "target": 0.65, "rumour": 0.60, "hostile": 0.80}
MOST_FLIPS = 0.02
MOST_POINTS_LOST = 1.0
MOST_CALIBRATION_ERROR = 0.1
_IDENTITY, _COUNTER_SPEECH = ("ident_neutral_nh", "ident_pos_nh"), ("counter_quote_nh", "counter_ref_nh")
_LEAST_IDENTITY, _LEAST_COUNTER_SPEECH, _MOST_BELOW_MEAN = 0.95, 0.80, 0.05
HOSTILE = "hostile"


@dataclass(frozen=True)
class Gate:
    """One thing a model must reach; `head` is what it speaks of.

    What does not block promotion concerns hostility alone, which is then kept from publication.
    """

    head: str
    what: str
    asked: str
    measured: float
    is_met: bool
    is_blocking: bool = True


def gates(metrics: Mapping[str, Any], training: Mapping[str, Any]) -> list[Gate]:
    """Every gate with what was measured, from a model's `metrics.json` and `training.json`."""
    return [*_floors(metrics), *_swaps(metrics), *_precision(training), *_hatecheck(metrics["hatecheck"])]


def _floors(metrics: Mapping[str, Any]) -> list[Gate]:
    scores = {head: float(metrics["dev"][head]["all"]["macro_f1"]) for head in FLOORS}
    return [
        Gate(head, f"dev macro-F1, {head}", f">= {floor:.2f}", scores[head], scores[head] >= floor, head != HOSTILE)
        for head, floor in FLOORS.items()
    ]


def _swaps(metrics: Mapping[str, Any]) -> list[Gate]:
    """Trust and rumour must not move with the group or neighbourhood that a post names."""
    rates = metrics["swaps"]["listed"]
    return [
        Gate(head, f"labels that flip with a listed name, {head}", f"<= {MOST_FLIPS}", rates[head], _few(rates[head]))
        for head in ("trust", "rumour")
    ]


def _few(rate: float) -> bool:
    return rate <= MOST_FLIPS


def _precision(training: Mapping[str, Any]) -> list[Gate]:
    lost = training["precision"]["points_lost"]
    return [
        Gate(head, f"points of macro-F1 lost to int8, {head}", f"<= {MOST_POINTS_LOST}", points, points <= 1.0)
        for head, points in lost.items()
    ]


def _hatecheck(scored: Mapping[str, Any]) -> list[Gate]:
    functions = scored["by_functionality"]
    asked = [(name, _LEAST_IDENTITY) for name in _IDENTITY] + [(n, _LEAST_COUNTER_SPEECH) for n in _COUNTER_SPEECH]
    watched = [
        _at_least(f"HateCheck {name}", functions[name]["accuracy"], least) for name, least in asked if name in functions
    ]
    groups = {name: part["accuracy"] for name, part in scored["by_group"].items()}
    mean = sum(groups.values()) / max(len(groups), 1)
    fair = [
        _at_least(f"HateCheck, cases about {name}", accuracy, round(mean - _MOST_BELOW_MEAN, 4))
        for name, accuracy in groups.items()
    ]
    return [*watched, *fair]


def _at_least(what: str, measured: float, least: float) -> Gate:
    return Gate(HOSTILE, what, f">= {least}", measured, measured >= least, is_blocking=False)


def promote(name: str, models: Path) -> tuple[str, ...]:
    """Make `name` the model that nights use under the name `promoted`; returns the heads not fit for publication.

    Raises `BadInput` with every reason when a gate of trust, target or rumour is not met, or int8 costs too much. When
    hostility misses its floor or a HateCheck gate, it is marked as not fit for publication, with the reasons.
    """
    manifest = read_manifest(name, models)
    found = gates(stored_figures(models / name), json.loads(_text(models / name / "training.json")))
    unmet = [gate for gate in found if not gate.is_met]
    stopping = [gate for gate in unmet if gate.is_blocking]
    if stopping:
        raise BadInput(f"model {name} is not promoted: " + "; ".join(_reason(gate) for gate in stopping))
    reasons = [_reason(gate) for gate in unmet]
    unfit = {HOSTILE: reasons} if reasons else {}
    record = {"model": name, "version": manifest.version, "not_fit_for_publication": unfit}
    (models / PROMOTION).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    return tuple(unfit)


def _text(path: Path) -> str:
    if not path.is_file():
        raise BadInput(f"{path}: there is no such file; train the model again")
    return path.read_text(encoding="utf-8")


def _reason(gate: Gate) -> str:
    return f"{gate.what} is {gate.measured}, asked {gate.asked}"


__all__ = ["FLOORS", "PROMOTED", "Gate", "gates", "promote"]
