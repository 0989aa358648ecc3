"""What a composite is made of: parts, groups of parts, and the method of each step, as configuration states them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Normalisation = Literal["min_max", "z_score", "rank", "percentile_rank", "goalposts", "distance_to_max"]
Aggregation = Literal["arithmetic", "geometric", "harmonic", "copeland"]
Imputation = Literal["none", "mean", "median", "group_mean", "em"]
Treatment = Literal["none", "winsorise", "winsorise_log", "winsorise_box_cox"]
Weighting = Literal["given", "equal", "pca", "budget"]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]

# Two thirds of the data, as COINr's `Screen` has it by default.
MINIMUM_AVAILABILITY = 2 / 3
# Points winsorised at either end before a transformation is tried: COINr's `Treat`, after the JRC's practice.
MAXIMUM_WINSORISED = 5
# Weights are moved by up to a quarter, as in the worked example of COINr's `get_sensitivity`.
WEIGHT_NOISE = 0.25


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Strict):
    """One indicator in a composite.

    `direction`: does a higher value mean a higher composite. `goalposts`: the values that score 0 and 100 (lower first,
    whatever the direction). `denominator`: column of the denominators to divide by. `points`: what each expert gave it
    out of their budget.
    """

    id: Identifier
    weight: float = Field(default=1.0, ge=0)
    direction: Literal["positive", "negative"] = "positive"
    goalposts: tuple[float, float] | None = None
    denominator: Identifier | None = None
    points: tuple[Annotated[float, Field(ge=0)], ...] = ()

    @model_validator(mode="after")
    def _goalposts_are_a_range(self) -> Part:
        if self.goalposts is not None and self.goalposts[0] >= self.goalposts[1]:
            raise ValueError(f"goalposts of {self.id}: the lower must come first and lie below the upper")
        return self


class Group(_Strict):
    """Parts, or groups of them, aggregated to one score. `aggregation` is the composite's where it states none."""

    id: Identifier
    weight: float = Field(default=1.0, ge=0)
    points: tuple[Annotated[float, Field(ge=0)], ...] = ()
    aggregation: Aggregation | None = None
    parts: tuple[Part | Group, ...] = Field(min_length=1)


class Screening(_Strict):
    """Fewest data: share of its parts a unit must have, and share of the units a part must be known for (0 to 1)."""

    minimum_per_unit: float = Field(default=MINIMUM_AVAILABILITY, ge=0, le=1)
    minimum_per_part: float = Field(default=MINIMUM_AVAILABILITY, ge=0, le=1)


class Alternatives(_Strict):
    """Other choices that would have been as defensible: the uncertainty analysis draws among them and the one made.

    `weight_noise`: every weight is drawn evenly from (1 - noise) to (1 + noise) times itself.
    """

    normalisation: tuple[Normalisation, ...] = ("z_score",)
    aggregation: tuple[Aggregation, ...] = ("geometric",)
    treatment: tuple[Treatment, ...] = ()
    weight_noise: float = Field(default=WEIGHT_NOISE, gt=0, lt=1)


class Composite(_Strict):
    """A composite index: its hierarchy, the method of every step, and the alternatives its uncertainty is judged by."""

    id: Identifier
    parts: tuple[Part | Group, ...] = Field(min_length=1)
    normalisation: Normalisation = "min_max"
    aggregation: Aggregation = "arithmetic"
    weighting: Weighting = "given"
    imputation: Imputation = "none"
    treatment: Treatment = "winsorise_log"
    maximum_winsorised: int = Field(default=MAXIMUM_WINSORISED, ge=1)
    screening: Screening = Screening()
    alternatives: Alternatives = Alternatives()

    @property
    def leaves(self) -> tuple[Part, ...]:
        """Its indicators, in the order stated."""
        return tuple(part for part in _walk(self.parts) if isinstance(part, Part))

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Composite:
        ids = [self.id, *(part.id for part in _walk(self.parts))]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"composite {self.id}: ids used twice: {', '.join(twice)}")
        return self

    @model_validator(mode="after")
    def _goalposts_where_needed(self) -> Composite:
        lacking = [part.id for part in self.leaves if part.goalposts is None]
        if lacking and "goalposts" in (self.normalisation, *self.alternatives.normalisation):
            raise ValueError(f"composite {self.id}: no goalposts for {', '.join(lacking)}")
        return self

    @model_validator(mode="after")
    def _something_weighs(self) -> Composite:
        groups = {self.id: self.parts} | {part.id: part.parts for part in _walk(self.parts) if isinstance(part, Group)}
        empty = [name for name, parts in groups.items() if not any(part.weight for part in parts)]
        if empty:
            raise ValueError(f"composite {self.id}: every weight is zero in {', '.join(empty)}")
        return self

    @model_validator(mode="after")
    def _every_expert_gave_points(self) -> Composite:
        counts = {len(part.points) for part in _walk(self.parts)}
        if self.weighting == "budget" and (len(counts) > 1 or 0 in counts):
            raise ValueError(f"composite {self.id}: budget weights need the points of every expert for every part")
        return self


def _walk(parts: tuple[Part | Group, ...]) -> Iterator[Part | Group]:
    for part in parts:
        yield part
        if isinstance(part, Group):
            yield from _walk(part.parts)
