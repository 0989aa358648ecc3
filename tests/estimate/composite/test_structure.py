"""A composite's configuration: what it accepts, and that a broken one is refused with the part at fault."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from barometer.estimate.composite import Alternatives, Composite, Group, Part

WRITTEN = """
id: social_trust
normalisation: goalposts
aggregation: geometric
parts:
  - id: people
    weight: 2
    parts:
      - {id: wallet_neighbour, goalposts: [0, 1]}
      - {id: trust_generalised_0_10, goalposts: [0, 10]}
  - id: talk
    aggregation: arithmetic
    parts:
      - {id: posts_distrust_share, direction: negative, goalposts: [0, 0.5]}
"""


def _two(**choices: Any) -> Composite:
    return Composite.model_validate({"id": "index", "parts": ({"id": "a"}, {"id": "b"})} | choices)


def test_a_hierarchy_is_read_from_yaml() -> None:
    composite = Composite.model_validate(yaml.safe_load(WRITTEN))
    assert [leaf.id for leaf in composite.leaves] == [
        "wallet_neighbour",
        "trust_generalised_0_10",
        "posts_distrust_share",
    ]
    assert isinstance(composite.parts[0], Group)
    assert composite.parts[0].weight == 2
    assert composite.parts[1].aggregation == "arithmetic"  # type: ignore[union-attr]


def test_what_is_not_stated_has_a_plain_default() -> None:
    composite = _two()
    assert (composite.normalisation, composite.aggregation, composite.imputation) == ("min_max", "arithmetic", "none")
    assert composite.alternatives == Alternatives()
    assert composite.leaves[0] == Part(id="a", weight=1.0, direction="positive")


def test_it_cannot_be_changed_once_loaded() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        _two().normalisation = "rank"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("choices", "complaint"),
    [
        ({"parts": ()}, "at least 1"),
        ({"parts": ({"id": "a"}, {"id": "a"})}, "ids used twice: a"),
        ({"parts": ({"id": "index"},)}, "ids used twice: index"),
        ({"normalisation": "goalposts"}, "no goalposts for a, b"),
        ({"alternatives": {"normalisation": ("goalposts",)}}, "no goalposts for a, b"),
        ({"parts": ({"id": "a", "weight": 0},)}, "every weight is zero in index"),
        ({"parts": ({"id": "a"}, {"id": "g", "parts": ({"id": "b", "weight": 0},)})}, "every weight is zero in g"),
        ({"weighting": "budget"}, "points of every expert"),
        (
            {"weighting": "budget", "parts": ({"id": "a", "points": (1, 2)}, {"id": "b", "points": (1,)})},
            "every expert",
        ),
        ({"parts": ({"id": "a", "goalposts": (1, 1)},)}, "goalposts of a"),
        ({"parts": ({"id": "a", "weight": -1},)}, "greater than or equal to 0"),
        ({"alternatives": {"weight_noise": 0}}, "greater than 0"),
        ({"alternatives": {"weight_noise": 1}}, "less than 1"),
        ({"maximum_winsorised": 0}, "greater than or equal to 1"),
        ({"screening": {"minimum_per_unit": 1.1}}, "less than or equal to 1"),
        ({"normalisation": "softmax"}, "Input should be"),
        ({"colour": "red"}, "Extra inputs"),
        ({"parts": ({"id": "a b"},)}, "pattern"),
    ],
)
def test_a_broken_one_is_refused(choices: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        _two(**choices)


def test_uncertainty_cannot_be_switched_off() -> None:
    """Even with no alternative named, weights still vary."""
    silent = Alternatives(normalisation=(), aggregation=(), treatment=())
    assert silent.weight_noise > 0
