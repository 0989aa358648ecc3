"""`index-icc.html`: the Intercultural Cities Index as the city entered it, beside trust and never part of it."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from barometer.release.icc import INDICES, LENS
from barometer.release.icc_charts import achievement_chart, comparison_chart, progress_chart
from barometer.release.icc_index import (
    DIVERSITIES,
    LARGER_FROM_PERSONS,
    MORE_DIVERSE_FROM_PERCENT,
    SIZES,
    beside_others,
    comparable,
    facts_and_figures,
    progress,
)
from barometer.release.icc_words import FEWEST_CITIES, NO_CAUSE, Finding, beside_trust, findings, read_beside
from barometer.release.language import N_
from barometer.release.site.figures import Series
from barometer.release.site.script_data import conventions
from barometer.release.site.view import View, as_script_data
from barometer.release.words import sentence_case, unit_in_words

FILE = "index-icc.html"
MOST_FINDINGS = 4
MOST_NAMED = 2
# Points nearer than this to a whole number are that number.
_WHOLE = 0.05
# Marked here, because the data files name them in the programme's own words.
NAMES = (
    N_("Commitment"),
    N_("Intercultural lens"),
    N_("Mediation and conflict resolution"),
    N_("Language"),
    N_("Media and communication"),
    N_("International outlook"),
    N_("Intercultural intelligence and competence"),
    N_("Welcoming newcomers"),
    N_("Leadership and citizenship"),
    N_("Anti-discrimination"),
    N_("Participation"),
    N_("Interaction"),
    N_("Education"),
    N_("Neighbourhoods"),
    N_("Public services"),
    N_("Business and labour market"),
    N_("Cultural and social life"),
    N_("Public space"),
)
ANSWERS = {"yes": N_("yes"), "partly": N_("partly"), "no": N_("no")}
_TITLES = INDICES | LENS
# ISO 3166-1, user-assigned code elements; XK is left out, which stands for Kosovo in CLDR and in wide use.
_USER_ASSIGNED = re.compile(r"AA|Q[M-Z]|X[A-JL-Z]|ZZ")


def render(view: View) -> str:
    """The page: what the Index is, where the city stands among others and over time, all scores, beside trust."""
    record, scores = view.site.icc, view.site.index_scores
    others = comparable(scores)
    beside = beside_others(scores, others)
    found = findings(beside)
    return view.page(
        "index_icc.html.j2",
        FILE,
        icc=record | {"scores": [score | {"name": _name(score, view)} for score in record["scores"]]},
        strengths=[_in_words(f, beside, view) for f in found if f.is_strength][:MOST_FINDINGS],
        weaknesses=[_in_words(f, beside, view) for f in found if not f.is_strength][:MOST_FINDINGS],
        beside=[_beside(row, view) for row in beside.filter(pl.col("sub_index").is_null()).iter_rows(named=True)],
        progress_words=progress_words(progress(scores), view),
        years=_years(progress(scores), view),
        countries=[(code, country_in_words(code, view)) for code in sorted(others["country"].unique().to_list())],
        larger=view.language.number(LARGER_FROM_PERSONS),
        diverse=view.language.number(MORE_DIVERSE_FROM_PERCENT),
        facts=_facts(view) if others.height else [],
        no_cause=view.language.say(NO_CAUSE),
        lined_up=_beside_trust(beside, view),
        data=as_script_data(_script_data(scores, others, beside, view)),
    )


def country_in_words(code: str, view: View) -> str:
    """A country's name; codes that ISO 3166-1 leaves to its users are said to be invented."""
    if _USER_ASSIGNED.fullmatch(code):
        letters = code[1] if code.startswith("X") else code
        return sentence_case(view.language.say("invented country %(letters)s", letters=letters))
    return str(view.language.locale.territories.get(code, code))


def _name(score: dict[str, Any], view: View) -> str:
    title = _TITLES[score["sub_index"] or score["index"]]
    return view.language.say(title)


def _in_words(finding: Finding, beside: pl.DataFrame, view: View) -> str:
    """A strength or weakness in the language of the page; see `findings` for what it is held against."""
    same = pl.col("index").eq(finding.index) & pl.col("sub_index").eq_missing(pl.lit(finding.sub_index, pl.String))
    row = beside.filter(same).row(0, named=True)
    name = _name({"index": finding.index, "sub_index": finding.sub_index}, view)
    if finding.sub_index:
        name = view.language.say("%(part)s (part of %(whole)s)", part=name, whole=_title(finding.index, view))
    values = {
        "name": name,
        "score": points_in_words(row["score"], view),
        "points": points_in_words(abs(finding.points), view),
        "cities": view.language.number(row["cities"]),
    }
    if row["cities"] < FEWEST_CITIES:
        message = (
            N_("%(name)s: %(score)s, %(points)s points above the middle of the city’s own scores.")
            if finding.is_strength
            else N_("%(name)s: %(score)s, %(points)s points below the middle of the city’s own scores.")
        )
        return view.language.say(message, **values)
    message = (
        N_("%(name)s: %(score)s, %(points)s points above the middle of %(cities)s other cities.")
        if finding.is_strength
        else N_("%(name)s: %(score)s, %(points)s points below the middle of %(cities)s other cities.")
    )
    return view.language.say(message, **values)


def _beside(row: dict[str, Any], view: View) -> dict[str, str]:
    """One index of the city beside the other cities' middle half."""
    half = row["lower_quartile"], row["upper_quartile"]
    return {
        "name": _name(row, view),
        "score": points_in_words(row["score"], view),
        "median": "" if row["median"] is None else points_in_words(row["median"], view),
        "half": ""
        if None in half
        else view.language.say(
            "%(start)s to %(end)s", start=points_in_words(half[0], view), end=points_in_words(half[1], view)
        ),
        "cities": view.language.number(row["cities"]),
    }


def points_in_words(points: float, view: View) -> str:
    """With one decimal where there is one, so that a reader who subtracts finds what the page says."""
    return view.language.number(points, 0 if abs(points - round(points)) < _WHOLE else 1)


def _title(index: str, view: View) -> str:
    return _name({"index": index, "sub_index": None}, view)


def standing(view: View) -> list[str]:
    """Where the city stands in the Index, in sentences: beside other cities, and since its first scores."""
    scores, say = view.site.index_scores, view.language.say
    found = [each for each in findings(beside_others(scores, comparable(scores))) if each.sub_index is None]
    ahead = view.language.listed([_title(f.index, view) for f in found if f.is_strength][:MOST_NAMED])
    behind = view.language.listed([_title(f.index, view) for f in found if not f.is_strength][:MOST_NAMED])
    sides = [say("ahead on %(indices)s", indices=ahead)] if ahead else []
    sides += [say("behind on %(indices)s", indices=behind)] if behind else []
    beside = [say("Compared with other cities: %(sides)s.", sides=", ".join(sides))] if sides else []
    since = progress_words(progress(scores), view)
    return [*beside, *([since] if since else [])]


def progress_words(rows: pl.DataFrame, view: View) -> str:
    """How many of the twelve rose, fell and stayed between the first and the last year entered; empty with one year."""
    whole = rows.filter(pl.col("sub_index").is_null())
    years = whole["year"].unique().sort().to_list()
    if len(years) < 2:
        return ""
    newest = whole.filter(pl.col("year") == years[-1]).drop_nulls("since_first")
    last = newest["since_first"]
    rose, fell = int((last > 0).sum()), int((last < 0).sum())
    named = [
        _named_indices(N_("Fell: %(indices)s."), newest.filter(pl.col("since_first") < 0), view),
        _named_indices(N_("Stayed the same: %(indices)s."), newest.filter(pl.col("since_first") == 0), view),
    ]
    counted = view.language.say(
        "Between %(first)s and %(last)s, %(rose)s of %(all)s themes rose, %(fell)s fell and %(same)s stayed the same.",
        first=years[0],
        last=years[-1],
        rose=rose,
        all=len(last),
        fell=fell,
        same=len(last) - rose - fell,
    )
    return " ".join([counted, *filter(None, named)])


def _named_indices(message: str, rows: pl.DataFrame, view: View) -> str:
    names = [_title(index, view) for index in rows["index"].to_list()]
    return view.language.say(message, indices=view.language.listed(names)) if names else ""


def _years(rows: pl.DataFrame, view: View) -> dict[str, Any]:
    """Core scores of the twelve by year, for a table: years, and a row an index."""
    whole = rows.filter(pl.col("sub_index").is_null())
    years = whole["year"].unique().sort().to_list()
    at = {(row["index"], row["year"]): row["score"] for row in whole.iter_rows(named=True)}
    known = [index for index in INDICES if any((index, year) in at for year in years)]
    cells = {index: [at.get((index, year)) for year in years] for index in known}
    return {
        "years": years,
        "rows": [
            (
                _name({"index": index, "sub_index": None}, view),
                ["–" if s is None else view.language.number(s) for s in row],
            )
            for index, row in cells.items()
        ],
    }


def _facts(view: View) -> list[dict[str, Any]]:
    """Chosen questions with the share of cities that answer each way."""
    night = view.site.night
    table = facts_and_figures(night.city, night.settings.configs)
    grouped: dict[str, dict[str, Any]] = {}
    for row in table.iter_rows(named=True):
        entry = grouped.setdefault(
            row["question"],
            {
                "index": _name({"index": row["index"], "sub_index": None}, view),
                "text": view.language.configured_text(row["text"]),
                "asked": view.language.number(row["asked"]),
                "answers": [],
            },
        )
        answer = ANSWERS[row["answer"]]
        entry["answers"].append((view.language.say(answer), view.language.share(row["share"])))
    return list(grouped.values())


def _beside_trust(beside: pl.DataFrame, view: View) -> list[dict[str, Any]]:
    """Policy inputs lined up with figures of the whole city that they might bear on: no causes."""
    site, city = view.site, view.site.night.city.id
    lines = read_beside(site.night.settings.configs, frozenset(site.content.indicators.by_id))
    values = [
        {"indicator": name, "value": f.value, "lower": f.lower, "upper": f.upper}
        for name, series in site.series.items()
        if (f := series.at(city)).is_shown
    ]
    schema = {"indicator": pl.String, "value": pl.Float64, "lower": pl.Float64, "upper": pl.Float64}
    joined = beside_trust(lines, beside, pl.DataFrame(values, schema=schema)).drop_nulls(["score", "value"])
    return [_lined_up(row, site.series[row["indicator"]], view) for row in joined.iter_rows(named=True)]


def _lined_up(row: dict[str, Any], series: Series, view: View) -> dict[str, str]:
    figure, unit = series.at(view.site.night.city.id), unit_in_words(series.indicator, view.language)
    return {
        "index": _name({"index": row["index"], "sub_index": None}, view),
        "score": view.language.number(row["score"]),
        "because": view.language.configured_text(row["because"]),
        "title": view.title(series.indicator),
        "value": f"{view.value(figure.value, series.indicator)} {unit}".strip(),
        "interval": view.interval(figure, series.indicator),
    }


def _script_data(scores: pl.DataFrame, others: pl.DataFrame, beside: pl.DataFrame, view: View) -> dict[str, Any]:
    charts = {"achievement": achievement_chart()}
    if others.height:
        charts["comparison"] = comparison_chart()
    steps = progress(scores).filter(pl.col("sub_index").is_null())
    if steps["year"].n_unique() > 1:
        charts["progress"] = progress_chart()
    whole = beside.filter(pl.col("sub_index").is_null())
    return conventions(view.language) | {
        "charts": charts,
        "achievement": [
            _named(row, view)
            | {k: row[k] for k in ("score", "lower_quartile", "median", "upper_quartile")}
            | {"shown": row["score"]}
            for row in whole.iter_rows(named=True)
        ],
        "progress": [
            _named(row, view) | {"year": row["year"], "score": row["score"]} for row in steps.iter_rows(named=True)
        ],
        "comparison": [_named(row, view) | _point(row, view) for row in _points(scores, others).iter_rows(named=True)],
        "say": {"cities": view.language.catalogue.gettext(N_("Compared with %(number)s other cities."))},
    }


def _named(row: dict[str, Any], view: View) -> dict[str, Any]:
    """Title of an index and its place among the twelve."""
    return {"title": _name(row, view), "place": list(INDICES).index(row["index"])}


def _points(scores: pl.DataFrame, others: pl.DataFrame) -> pl.DataFrame:
    """Newest core scores of the twelve, of the other cities and of this one, which is drawn last."""
    own = scores.filter(pl.col("is_own")).sort("year").unique(["index", "sub_index", "kind"], keep="last")
    both = pl.concat([others, own.select(others.columns)])
    return both.filter(pl.col("sub_index").is_null(), pl.col("kind") == "core").sort("is_own", "city", "index")


def _point(row: dict[str, Any], view: View) -> dict[str, Any]:
    persons, born_abroad = row["population"], row["foreign_born_percent"]
    return {
        "city": view.site.night.city.name if row["is_own"] else row["name"],
        "score": row["score"],
        "who": "own" if row["is_own"] else "other",
        "country": row["country"],
        "size": "" if persons is None else SIZES[persons >= LARGER_FROM_PERSONS],
        "diversity": "" if born_abroad is None else DIVERSITIES[born_abroad >= MORE_DIVERSE_FROM_PERCENT],
    }
