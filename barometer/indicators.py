"""What the barometer measures: loads and checks `configs/indicators.yaml`, the words every number is published with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from barometer.city import City
from barometer.errors import BadConfiguration
from barometer.tables import LABEL_HEADS

INDICATORS_FILE = "indicators.yaml"
# `geography` of a row about the whole city; its `area` is the city's id.
WHOLE_CITY = "city"

# The same safe loader in C, ten times as fast, where PyYAML was built with it.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CONFIGURING = (".yaml", ".csv", ".geojson")
_BORROWED = (
    "areas",
    "adjacency",
    "population",
    "margins",
    "covariates",
    "aliases",
    "crosswalk",
    "codes",
    "postcodes",
)

Signal = Literal["posts", "answers", "reports", "observations", "counts", "combined"]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AnswerMean(_Strict):
    """Weighted mean of one survey item on the indicator's own scale."""

    kind: Literal["answer_mean"]
    item: Identifier

    @property
    def items(self) -> tuple[str, ...]:
        """Survey items it is worked out from."""
        return (self.item,)


class AnswerShare(_Strict):
    """Weighted share of respondents whose answer is at least `yes_from`."""

    kind: Literal["answer_share"]
    item: Identifier
    lowest_answer: float
    highest_answer: float
    yes_from: float

    @property
    def items(self) -> tuple[str, ...]:
        """Survey items it is worked out from."""
        return (self.item,)

    @model_validator(mode="after")
    def _yes_is_an_answer(self) -> AnswerShare:
        if not self.lowest_answer < self.yes_from <= self.highest_answer:
            raise ValueError("yes_from must lie above lowest_answer and not above highest_answer")
        return self


class AnswerScale(_Strict):
    """Weighted mean of a scale: the mean of its items, missing when over half of any one domain's items are missing."""

    kind: Literal["answer_scale"]
    lowest_answer: float
    highest_answer: float
    is_reversed: bool
    domains: dict[Identifier, tuple[Identifier, ...]] = Field(min_length=1)

    @property
    def items(self) -> tuple[str, ...]:
        """Survey items it is worked out from."""
        return tuple(item for items in self.domains.values() for item in items)

    @model_validator(mode="after")
    def _every_item_once(self) -> AnswerScale:
        if len(set(self.items)) != len(self.items) or not all(self.domains.values()):
            raise ValueError("every domain needs an item, and no item may be named twice")
        if self.lowest_answer >= self.highest_answer:
            raise ValueError("lowest_answer must lie below highest_answer")
        return self


class VoiceShare(_Strict):
    """Share of voices in posts whose labels are all as stated: label head -> class."""

    kind: Literal["voice_share"]
    labels: dict[str, str] = Field(min_length=1)

    @field_validator("labels")
    @classmethod
    def _are_classes(cls, labels: dict[str, str]) -> dict[str, str]:
        wrong = [f"{head}={value}" for head, value in labels.items() if value not in LABEL_HEADS.get(head, ())]
        if wrong:
            raise ValueError(f"no such label: {', '.join(wrong)}; label heads are {', '.join(LABEL_HEADS)}")
        return labels


class RatingMean(_Strict):
    """Mean of practitioners' ratings, rescaled from each form's scale to the indicator's."""

    kind: Literal["rating_mean"]


class ObservedRate(_Strict):
    """Counted persons or groups per observer-hour."""

    kind: Literal["observed_rate"]
    counted: Literal["persons_staying", "groups", "mixed_groups"]


class ObservedShare(_Strict):
    """Share of the persons counted."""

    kind: Literal["observed_share"]
    counted: Literal["persons_in_groups"]


class CountRate(_Strict):
    """A dated series of counts per 1,000 residents a week. `absent_means`: what no record in a watched period says."""

    kind: Literal["count_rate"]
    series: Identifier
    absent_means: Literal["zero", "not_collected"]


class Nowcast(_Strict):
    """A survey indicator (`of`) brought up to the week by the signals that earned their weight in back-tests."""

    kind: Literal["nowcast"]
    of: Identifier


class CompositeScore(_Strict):
    """Several survey indicators in one score, 0 (every part at its scale's worst end) to 100 (at its best).

    `parts`: indicator id -> weight, relative to each other. Goalposts are the ends of each part's own scale, turned
    round where a higher value means less trust, so that a score never depends on which other neighbourhoods there are.
    """

    kind: Literal["composite"]
    parts: dict[Identifier, Annotated[float, Field(gt=0)]] = Field(min_length=2)
    aggregation: Literal["arithmetic", "geometric", "harmonic"] = "arithmetic"


Measure = Annotated[
    AnswerMean
    | AnswerShare
    | AnswerScale
    | VoiceShare
    | RatingMean
    | ObservedRate
    | ObservedShare
    | CountRate
    | Nowcast
    | CompositeScore,
    Field(discriminator="kind"),
]
_SIGNAL_OF_KIND: dict[str, Signal] = {
    "answer_mean": "answers",
    "answer_share": "answers",
    "answer_scale": "answers",
    "voice_share": "posts",
    "rating_mean": "reports",
    "observed_rate": "observations",
    "observed_share": "observations",
    "count_rate": "counts",
    "nowcast": "combined",
    "composite": "combined",
}
_METHODS = {"answers": "direct", "posts": "uncorrected", "reports": "mean"}


class Scale(_Strict):
    """Lowest and highest value possible; `maximum` is empty where there is none."""

    minimum: float
    maximum: float | None

    @model_validator(mode="after")
    def _is_a_range(self) -> Scale:
        if self.maximum is not None and self.maximum <= self.minimum:
            raise ValueError("maximum must lie above minimum")
        return self


class CalendarWeeks(_Strict):
    """Periods of whole weeks, Monday to Sunday."""

    calendar_weeks: int = Field(ge=1, le=52)


class Indicator(_Strict):
    """One defined quantity per neighbourhood and period."""

    id: Identifier
    title: str = Field(min_length=1, max_length=80)
    question: str = Field(min_length=1, description="in plain words, as asked or as a reader would ask it")
    unit: str = Field(min_length=1)
    scale: Scale
    direction: Literal["more_trust", "less_trust", "context"]
    dimension: Literal["people", "institutions", "rumours", "observed", "context"]
    signal: Signal
    measure: Measure
    period: Literal["wave"] | CalendarWeeks
    minimum_n: int = Field(ge=0)
    withheld: str = Field(default="", description="why no value of it is issued at present; empty: it is issued")

    @property
    def method(self) -> str:
        """How a value of this indicator is made (`method` of the row contract), unless its cell says otherwise."""
        return self.measure.kind if self.signal == "combined" else _METHODS.get(self.signal, "rate")

    @property
    def rests_on(self) -> tuple[str, ...]:
        """Ids of the survey indicators it is made from; none for what is worked out from rows."""
        if isinstance(self.measure, Nowcast):
            return (self.measure.of,)
        return tuple(self.measure.parts) if isinstance(self.measure, CompositeScore) else ()

    @property
    def is_share(self) -> bool:
        """The value is a proportion of the people behind it."""
        is_of_share = self.measure.kind == "nowcast" and self.unit == "share"
        return is_of_share or self.measure.kind in ("answer_share", "voice_share", "observed_share")

    @model_validator(mode="after")
    def _fits_its_measure(self) -> Indicator:
        if _SIGNAL_OF_KIND[self.measure.kind] != self.signal:
            raise ValueError(f"measure {self.measure.kind} needs signal {_SIGNAL_OF_KIND[self.measure.kind]}")
        if (self.period == "wave") != (self.signal == "answers" or self.measure.kind == "composite"):
            raise ValueError("period must be wave for answers and composites, and calendar_weeks for everything else")
        if self.is_share and (self.scale.minimum, self.scale.maximum) != (0.0, 1.0):
            raise ValueError("a share has the scale 0 to 1")
        if self.signal in ("answers", "reports") and self.scale.maximum is None:
            raise ValueError("an indicator of answers or reports needs a scale with a maximum")
        return self


class Indicators(_Strict):
    """All indicators, and how far back a night issues them. Look one up with `indicators["trust_police"]`."""

    lookback_days: int = Field(ge=28, le=3660)
    weeks_anchor: date
    indicators: tuple[Indicator, ...] = Field(min_length=1)

    @field_validator("weeks_anchor")
    @classmethod
    def _is_a_monday(cls, day: date) -> date:
        if day.weekday() != 0:
            raise ValueError("must be a Monday")
        return day

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Indicators:
        ids = [indicator.id for indicator in self.indicators]
        repeated = sorted({name for name in ids if ids.count(name) > 1})
        if repeated:
            raise ValueError(f"indicator ids used twice: {', '.join(repeated)}")
        return self

    @model_validator(mode="after")
    def _rest_on_survey_indicators(self) -> Indicators:
        surveyed = {indicator.id for indicator in self.indicators if indicator.signal == "answers"}
        for indicator in self.indicators:
            strangers = sorted(set(indicator.rests_on) - surveyed)
            if strangers:
                raise ValueError(f"indicator {indicator.id} rests on {', '.join(strangers)}, no indicator of answers")
        return self

    @cached_property
    def by_id(self) -> dict[str, Indicator]:
        """Indicator id -> indicator, in the file's order."""
        return {indicator.id: indicator for indicator in self.indicators}

    def __getitem__(self, indicator: str) -> Indicator:
        return self.by_id[indicator]

    @property
    def withheld(self) -> tuple[str, ...]:
        """Ids of the indicators of which no value is issued at present."""
        return tuple(indicator.id for indicator in self.indicators if indicator.withheld)

    def of_signal(self, signal: str) -> tuple[Indicator, ...]:
        """The indicators worked out from one signal, in the file's order."""
        return tuple(indicator for indicator in self.indicators if indicator.signal == signal)


def load_indicators(configs: Path) -> Indicators:
    """Read `<configs>/indicators.yaml`; raises `BadConfiguration` that lists every mistake with its place at once."""
    path = configs / INDICATORS_FILE
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{path}: cannot be read ({_one_line(error)}); restore it or mend its YAML") from None
    return parse_indicators(text, source=str(path))


def parse_indicators(text: str, *, source: str) -> Indicators:
    """Indicators from the text of an indicators.yaml; raises as `load_indicators` does, naming `source`."""
    try:
        content = yaml.load(text, Loader=_LOADER)  # noqa: S506 (both loaders are safe ones)
    except yaml.YAMLError as error:
        raise BadConfiguration(f"{source}: cannot be read ({_one_line(error)}); restore it or mend its YAML") from None
    if not isinstance(content, dict):
        raise BadConfiguration(f"{source}: must hold lookback_days, weeks_anchor and a list of indicators")
    try:
        return Indicators.model_validate(content)
    except ValidationError as error:
        mistakes = "; ".join(_mistakes(error, content))
        raise BadConfiguration(f"{source}: {error.error_count()} mistakes: {mistakes}") from None


def config_version(city: City, configs: Path) -> str:
    """Hash of everything configured that a city's estimates depend on: indicators.yaml and the city as loaded.

    Returns 16 hex digits of SHA-256; the same configuration gives the same hash on every machine.
    """
    digest = hashlib.sha256((configs / INDICATORS_FILE).read_bytes())
    for path in _files(city.folder):
        digest.update(path.relative_to(city.folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    # A city may borrow its geography from another folder, so what was loaded counts as well.
    for name in _BORROWED:
        frame: pl.DataFrame = getattr(city, name)
        digest.update(frame.sort(frame.columns).write_csv().encode())
    return digest.hexdigest()[:16]


def _files(folder: Path) -> Iterable[Path]:
    """What a city is configured with; scripts and notes beside it change no number."""
    return sorted(path for path in folder.rglob("*") if path.suffix in _CONFIGURING and path.is_file())


def _mistakes(error: ValidationError, content: dict[str, Any]) -> Iterable[str]:
    """Each mistake in words: which indicator, which field, what is wrong."""
    for found in error.errors(include_url=False, include_context=False):
        yield f"{_place(found['loc'], content)}: {found['msg'].removeprefix('Value error, ')}"


def _place(loc: tuple[int | str, ...], content: dict[str, Any]) -> str:
    """`indicators → 3 → unit` as `indicator trust_police, field unit`."""
    if len(loc) > 1 and loc[0] == "indicators":
        entry = content["indicators"][loc[1]]
        name = entry.get("id", loc[1]) if isinstance(entry, dict) else loc[1]
        fields = ".".join(str(part) for part in loc[2:])
        return f"indicator {name}" + (f", field {fields}" if fields else "")
    return ".".join(str(part) for part in loc) or "indicators"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
