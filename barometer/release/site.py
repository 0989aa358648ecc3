"""The pages: one self-contained file a release, and the list of a city's releases. No request leaves either."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from barometer.errors import ReleaseRefused
from barometer.night import Night
from barometer.release import words
from barometer.release.content import Content
from barometer.release.disclosure import MINIMUM_PERSONS, ROUNDING_BASE
from barometer.release.files import BESIDE, REVISIONS
from barometer.release.geometry import aspect_ratio
from barometer.release.history import Release
from barometer.release.icc import icc_record
from barometer.release.page_data import page_data
from barometer.release.summary import group_shares, summarise

VEGA_LITE = "6.4"
SHOWN_SIGNALS = 4
_BEGIN, _END = "<!-- approval begins -->", "<!-- approval ends -->"
DOWNLOADS = {
    "estimates.csv": "All figures with their errors, as a table (CSV)",
    "estimates.parquet": "The same, as Parquet",
    "estimates.geojson": "Newest figures with boundaries, for maps (GeoJSON)",
    "coverage.csv": "Who is heard (CSV)",
    **{f"{name}.csv": f"{title} (CSV)" for name, title in BESIDE.items()},
    REVISIONS: "Numbers published otherwise before (CSV)",
    "icc_index.csv": "Intercultural Cities Index (CSV)",
    "icc_index.json": "Intercultural Cities Index (JSON)",
    "datapackage.json": "What every column means (Data Package)",
}


@dataclass(frozen=True)
class Approval:
    """Who answered for a release, and when."""

    approved_by: str
    is_stand_in: bool
    approved_at: datetime


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("barometer.release", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = words.day_in_words
    environment.filters["sentence_case"] = words.sentence_case
    environment.globals["approved_by_in_words"] = words.approved_by_in_words
    return environment


@cache
def _vega_bundle() -> Markup:
    """Vega, Vega-Lite and Vega-Embed as one script, from the installed package."""
    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    return Markup(bundle.replace("</script", "<\\/script"))  # noqa: S704 (an installed library, no input)


def render_page(folder: Path, content: Content, night: Night) -> str:
    """The release's page as a draft: nobody has approved it yet. `folder` holds the files it offers for download."""
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            night=night.night,
            city=night.city,
            run_id=night.run_id,
            is_synthetic=content.is_synthetic,
            approval_html=_approval_block(None),
            summary=summarise(content, night.city, night.night),
            groups=_groups(content, night),
            alerts=content.alerts.sort("evidence", descending=True).to_dicts(),
            skill=_skill(content),
            rumours=content.rumours.to_dicts(),
            icc=icc_record(night.city),
            indicators=_by_dimension(content),
            downloads=[(name, title, (folder / name).stat().st_size) for name, title in DOWNLOADS.items()],
            versions=_versions(content),
            words=words,
            map_height=round(aspect_ratio(night.city.boundaries(night.city.primary)), 3),
            minimum_persons=max(MINIMUM_PERSONS, night.city.thresholds.minimum_n),
            rounding_base=ROUNDING_BASE,
            style=_asset("page.css"),
            script=_asset("page.js"),
            vega=_vega_bundle(),
            data=_as_script_data(page_data(content, night.city, night.night)),
        )
    )


def _groups(content: Content, night: Night) -> list[tuple[str, list[dict[str, Any]]]]:
    """Margin -> who answered beside who lives here."""
    shares = group_shares(content.coverage, night.city)
    parts = shares.partition_by(["margin"], as_dict=True, maintain_order=True)
    return [(str(margin), rows.to_dicts()) for (margin,), rows in parts.items()]


def _skill(content: Content) -> list[dict[str, Any]]:
    """What is brought up to date: its title, how many signals were tried, and the most telling of them."""
    titles = {indicator.id: indicator.title for indicator in content.indicators.indicators}
    rows = content.skill.sort("indicator", "weight", "skill", "signal", descending=[False, True, True, False])
    parts = rows.with_columns(pl.col("signal").replace(titles)).partition_by(["indicator"], as_dict=True)
    return [
        {"title": titles[str(indicator)], "tried": part.height, "rows": _telling(part).to_dicts()}
        for (indicator,), part in parts.items()
    ]


def _telling(tried: pl.DataFrame) -> pl.DataFrame:
    """Signals with weight, and the few others that were anywhere near: one that changed nothing tells nothing."""
    return tried.filter((pl.col("weight") > 0) | (pl.col("skill").fill_null(0.0) != 0)).head(SHOWN_SIGNALS)


def _by_dimension(content: Content) -> list[tuple[str, list[Any]]]:
    """Indicators that have rows, under the name of their dimension."""
    known = set(content.estimates["indicator"].to_list())
    grouped: dict[str, list[Any]] = {title: [] for title in words.DIMENSIONS.values()}
    for indicator in content.indicators.indicators:
        if indicator.id in known:
            grouped[words.DIMENSIONS[indicator.dimension]].append(indicator)
    return [(title, members) for title, members in grouped.items() if members]


def _versions(content: Content) -> dict[str, str]:
    columns = {"configuration": "config_version", "language model": "model_version"}
    found = {name: content.estimates[column].drop_nulls().unique().sort().to_list() for name, column in columns.items()}
    return {name: ", ".join(values) or "none used" for name, values in found.items()}


def _asset(name: str) -> Markup:
    return Markup((Path(__file__).parent / "page" / name).read_text("utf-8"))  # noqa: S704 (our own file, no input)


def _as_script_data(data: dict[str, Any]) -> Markup:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))  # noqa: S704 (escaped here)


def _approval_block(approval: Approval | None) -> Markup:
    html = _environment().get_template("approval.html.j2").render(approval=approval)
    return Markup(f"{_BEGIN}\n{html}\n{_END}")  # noqa: S704 (rendered with autoescape)


def with_approval(page: str, approval: Approval) -> str:
    """The page with the draft's notice replaced by who approved it. Raises `ReleaseRefused` if it has no such place."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end or _BEGIN in after:
        raise ReleaseRefused("index.html: has no place for the approval; draft the release again")
    return f"{before}{_approval_block(approval)}{after}"


def render_releases(city_name: str, is_synthetic: bool, releases: Sequence[Release]) -> str:
    """The list of a city's releases, newest first."""
    template = _environment().get_template("releases.html.j2")
    newest_first = list(reversed(releases))
    return template.render(
        city_name=city_name, is_synthetic=is_synthetic, releases=newest_first, style=_asset("page.css")
    )
