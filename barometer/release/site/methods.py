"""`methods.html`: what every figure is, how it is made and what it cannot tell; signals; the models' cards."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from barometer.release import words
from barometer.release.language import N_
from barometer.release.site import record_page
from barometer.release.site.figures import Series
from barometer.release.site.neighbourhood import voices
from barometer.release.site.view import View
from barometer.release.summary import (
    MARGINS,
    category_in_words,
    compared_margins,
    group_shares,
    margin_in_words,
    under_heard_groups,
)
from barometer.release.words import unit_in_words

FILE = "methods.html"
SHOWN_SIGNALS = 4
TASKS = {
    "trust": N_("trust or distrust"),
    "target": N_("of whom"),
    "rumour": N_("rumour or correction"),
    "hostile": N_("hostile to a group"),
}
SIGNALS = {
    "answers": N_("survey answers"),
    "combined": N_("several survey figures"),
    "posts": N_("public posts"),
    "reports": N_("practitioners’ reports"),
    "observations": N_("observations in public places"),
    "counts": N_("records of services and police"),
}
_LICENCE = re.compile(r"\b(Apache-2\.0|MIT|BSD-3-Clause|CC0|CC BY(?:-SA)? [\d.]+)\b")


@dataclass(frozen=True)
class ModelCard:
    """A model in short: `scores` are macro-F1 on held-out posts by task, `unfit` the tasks it is not fit for."""

    name: str
    version: str
    licence: str
    is_in_use: bool
    scores: dict[str, float]
    unfit: tuple[str, ...]


def render(view: View) -> str:
    """The page."""
    cards = model_cards(view.site.night.settings.models)
    return view.page(
        "methods.html.j2",
        FILE,
        voices=[(title, counts["city"]) for title, counts in voices(view)],
        groups=groups(view),
        compared=compared_in_words(view),
        dimensions=[(title, [_card(each, view) for each in members]) for title, members in view.by_dimension()],
        skill=skill(view),
        models=cards,
        tasks={name: view.language.say(text) for name, text in TASKS.items()},
        atrs=record_page.FILE if record_page.has_record(view) else "",
        versions=versions(view),
    )


def groups(view: View) -> list[tuple[str, list[dict[str, Any]]]]:
    """Margin -> who answered beside who lives here, each group marked where it is heard less."""
    coverage, city = view.site.content.coverage, view.site.night.city
    under = under_heard_groups(coverage, city)
    parts = group_shares(coverage, city).partition_by(["margin"], as_dict=True, maintain_order=True)
    return [
        (
            margin_in_words(str(margin), view.language),
            [_group(row, view, is_under=row["group"] in under) for row in rows.to_dicts()],
        )
        for (margin,), rows in parts.items()
    ]


def compared_in_words(view: View) -> str:
    """By what those who answered are set beside those who live here, and that nothing else is."""
    language, margins = view.language, compared_margins(view.site.content.coverage, view.site.night.city)
    rest = [name for name in MARGINS if name not in margins]
    said = language.say(
        "Compared by %(margins)s only.", margins=language.listed([margin_in_words(m, language) for m in margins])
    )
    left = language.say("Nothing else about people is compared here.")
    if rest:
        named = language.listed([margin_in_words(m, language) for m in rest])
        left = language.say(
            "Not compared in this release: %(margins)s, and everything that no census count stands beside.",
            margins=named,
        )
    return f"{said} {left}"


def _group(row: dict[str, Any], view: View, *, is_under: bool) -> dict[str, Any]:
    heard, residents = row["voice_share"], row["population_share"]
    return row | {
        "decimals": int(is_under and view.language.share(heard) == view.language.share(residents)),
        "name": category_in_words(row["group"].split("=", 1)[1], view.language),
        "is_under": is_under,
    }


def _card(series: Series, view: View) -> dict[str, Any]:
    indicator, language = series.indicator, view.language
    weeks = None if indicator.period == "wave" else indicator.period.calendar_weeks
    return {
        "id": indicator.id,
        "title": view.title(indicator),
        "question": language.configured_text(indicator.question),
        "withheld": language.configured_text(indicator.withheld),
        "unit": unit_in_words(indicator, language) or language.say("share of people"),
        "direction": language.say(words.DIRECTIONS[indicator.direction]),
        "signal": language.say(SIGNALS[indicator.signal]),
        "method": language.say(words.METHODS[indicator.method]),
        "period": language.say("each wave of the survey")
        if weeks is None
        else language.count("every week", "every %(number)s weeks", weeks),
        "minimum": _minimum(series, view),
    }


def _minimum(series: Series, view: View) -> str:
    indicator = series.indicator
    least = indicator.minimum_n
    if indicator.signal in ("answers", "posts"):
        least = max(least, view.site.minimum_persons)
    message = view.language.say(words.VOICES[indicator.signal])
    return f"{view.language.number(least)} {message}" if least else ""


def skill(view: View) -> list[dict[str, Any]]:
    """What is brought up to date: its title, how many signals were tried, and the most telling of them."""
    content = view.site.content
    titles = {indicator.id: view.title(indicator) for indicator in content.indicators.indicators}
    rows = content.skill.sort("indicator", "weight", "skill", "signal", descending=[False, True, True, False])
    parts = rows.with_columns(pl.col("signal").replace(titles)).partition_by(["indicator"], as_dict=True)
    return [
        {"title": titles[str(indicator)], "tried": part.height, "rows": _telling(part).to_dicts()}
        for (indicator,), part in parts.items()
    ]


def _telling(tried: pl.DataFrame) -> pl.DataFrame:
    """Signals with weight, and the few others that were anywhere near: one that changed nothing tells nothing."""
    return tried.filter((pl.col("weight") > 0) | (pl.col("skill").fill_null(0.0) != 0)).head(SHOWN_SIGNALS)


def model_cards(models: Path) -> list[ModelCard]:
    """Every model below `models` that has a card, the one in use first. What cannot be read there is left out."""
    promoted = _read_json(models / "promoted.json")
    cards = [_model_card(path.parent, promoted) for path in sorted(models.glob("*/card.md"))]
    return sorted(cards, key=lambda card: not card.is_in_use)


def _model_card(folder: Path, promoted: dict[str, Any]) -> ModelCard:
    manifest, metrics = _read_json(folder / "manifest.json"), _read_json(folder / "metrics.json")
    is_in_use = promoted.get("model") == folder.name
    found = _LICENCE.findall((folder / "card.md").read_text("utf-8").split("Base:")[-1])
    held_out = metrics.get("dev") or metrics.get("held_out") or {}
    scores = {task: held_out[task]["all"]["macro_f1"] for task in TASKS if task in held_out}
    return ModelCard(
        name=folder.name,
        version=str(manifest.get("version", "")),
        licence=found[0] if found else "",
        is_in_use=is_in_use,
        scores=scores,
        unfit=tuple(promoted.get("not_fit_for_publication", {})) if is_in_use else (),
    )


def _read_json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


def versions(view: View) -> list[tuple[str, str]]:
    """Configuration and language model the figures were made with."""
    say, estimates = view.language.say, view.site.content.estimates
    columns = {say("configuration"): "config_version", say("language model"): "model_version"}
    found = {name: estimates[column].drop_nulls().unique().sort().to_list() for name, column in columns.items()}
    return [(name, ", ".join(values) or say("none used")) for name, values in found.items()]
