"""Who lives where in the simulated city, how age and tenure go with trust, and who answers a survey."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from barometer.city import City
from barometer.errors import BadConfiguration

Numbers = npt.NDArray[np.float64]

# On the logit scale of trust. Signs and rough sizes as in European surveys: older people and owners trust more.
AGE_TRUST = {"16-24": -0.30, "25-34": -0.20, "35-44": -0.05, "45-54": 0.05, "55-64": 0.12, "65-74": 0.22, "75+": 0.25}
TENURE_TRUST = {"owned_outright": 0.30, "owned_mortgage": 0.15, "social_rented": -0.35, "private_rented": -0.25}
# On the logit scale of answering: those who answer trust more than those who do not, so raw means are too high.
AGE_ANSWERS = {"16-24": -0.80, "25-34": -0.50, "35-44": -0.15, "45-54": 0.10, "55-64": 0.35, "65-74": 0.60, "75+": 0.30}
TENURE_ANSWERS = {"owned_outright": 0.45, "owned_mortgage": 0.25, "social_rented": -0.45, "private_rented": -0.60}
_ANSWERS_LEVEL = -0.35


@dataclass(frozen=True)
class Population:
    """Adults of each area and how they divide into groups of age and tenure (independent within an area)."""

    areas: list[str]
    names: list[str]
    adults: Numbers
    """Persons, per area."""
    ages: list[str]
    tenures: list[str]
    ethnic_groups: list[str]
    age_shares: Numbers
    """Area x age band; rows add up to 1. Likewise the next two."""
    tenure_shares: Numbers
    ethnic_shares: Numbers

    @property
    def group_shares(self) -> Numbers:
        """Area x (age band, tenure): share of the area's adults in each group."""
        shares = self.age_shares[:, :, None] * self.tenure_shares[:, None, :]
        return shares.reshape(len(self.areas), -1)

    @property
    def group_trust(self) -> Numbers:
        """Effect of each (age band, tenure) on trust, logit scale."""
        return _effects(self.ages, AGE_TRUST, self.tenures, TENURE_TRUST)

    @property
    def group_answers(self) -> Numbers:
        """Probability that an invited person of each (age band, tenure) answers."""
        return expit(_ANSWERS_LEVEL + _effects(self.ages, AGE_ANSWERS, self.tenures, TENURE_ANSWERS))

    @property
    def response_rate(self) -> Numbers:
        """Share of those invited who answer, per area."""
        return np.asarray(self.group_shares @ self.group_answers)

    @property
    def adult_shares(self) -> Numbers:
        """Share of the city's adults, per area."""
        return np.asarray(self.adults / self.adults.sum())


def population(city: City) -> Population:
    """The city's people from its census margins. Raises `BadConfiguration` when a margin by area is missing."""
    here = city.neighbourhoods.sort("area")
    areas = here["area"].to_list()
    ages, age_shares = _margin(city, "age_band", areas)
    tenures, tenure_shares = _margin(city, "tenure", areas)
    ethnic_groups, ethnic_shares = _margin(city, "ethnic_group", areas)
    adults = here["adults"].cast(pl.Float64).to_numpy()
    return Population(
        areas=areas,
        names=here["name"].to_list(),
        adults=np.asarray(adults, dtype=np.float64),
        ages=ages,
        tenures=tenures,
        ethnic_groups=ethnic_groups,
        age_shares=age_shares,
        tenure_shares=tenure_shares,
        ethnic_shares=ethnic_shares,
    )


def expit(logits: Numbers | float) -> Numbers:
    """Logit scale -> probability."""
    return np.asarray(1.0 / (1.0 + np.exp(-np.asarray(logits, dtype=np.float64))))


def _margin(city: City, margin: str, areas: list[str]) -> tuple[list[str], Numbers]:
    rows = city.margins.filter((pl.col("margin") == margin) & pl.col("area").is_in(areas))
    if set(rows["area"]) != set(areas):
        raise BadConfiguration(f"margins.csv: {margin} is not given for every neighbourhood; a simulation needs it")
    wide = rows.pivot("category", index="area", values="persons", aggregate_function="sum").sort("area").fill_null(0)
    categories = sorted(set(wide.columns) - {"area"})
    persons = wide.select(categories).to_numpy().astype(np.float64)
    return categories, persons / persons.sum(axis=1, keepdims=True)


def _effects(ages: list[str], of_age: dict[str, float], tenures: list[str], of_tenure: dict[str, float]) -> Numbers:
    age = np.array([of_age.get(name, 0.0) for name in ages])
    tenure = np.array([of_tenure.get(name, 0.0) for name in tenures])
    return np.asarray((age[:, None] + tenure[None, :]).ravel())
