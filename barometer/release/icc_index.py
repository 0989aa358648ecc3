"""The ICC Index as data: every city's scores over the years, and what can be said of them side by side.

A city's own scores are those of its `icc_index.yaml`. Other cities' stand in `configs/icc/<set>/` as three or four
small tables (configs/icc/README.md): the set `members` for real cities, `synthetic` for invented ones; the two never
meet. Final scores are taken as entered; where a city gives answers to the questionnaire instead, a score is the share
of the points its answers earn. Nothing here enters an estimate of trust.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

from barometer.city import City, read_icc_index
from barometer.city_files import (
    ICC_INDICES,
    ICC_LENS,
    Column,
    IccIndex,
    IccScore,
    IccYear,
    Mistakes,
    Sheet,
    read_csv_file,
)
from barometer.errors import BadConfiguration

KINDS = ("core", "extended")
ANSWERS = {"yes": 1.0, "partly": 0.5, "no": 0.0}
"""What an answer earns of a question's points."""

# The limits by which the programme's own charts let cities be compared.
LARGER_FROM_PERSONS = 200_000
MORE_DIVERSE_FROM_PERCENT = 15.0
SIZES = ("smaller", "larger")
DIVERSITIES = ("less", "more")

_LENS_OF = "intercultural_lens"
_SERIES = ("city", "year", "index", "sub_index", "kind")
_PLACES = (
    Column("index", among=ICC_INDICES),
    Column("sub_index", may_be_empty=True, among=ICC_LENS),
    Column("kind", among=KINDS),
)
_YEAR = Column("year", pl.Int64, minimum=2008, maximum=2100)

CITIES = Sheet(
    "cities.csv",
    (
        Column("city", pattern=r"^[a-z][a-z0-9_]*$", advice="write lower case with underscores"),
        Column("name"),
        Column("country", pattern=r"^[A-Z]{2}$", advice="write the two letters of ISO 3166-1"),
        Column("population", pl.Int64, minimum=1),
        Column("foreign_born_percent", pl.Float64, may_be_empty=True, minimum=0.0, maximum=100.0),
        Column("source"),
    ),
    key=("city",),
)
SCORES = Sheet(
    "scores.csv",
    (Column("city"), _YEAR, *_PLACES, Column("score", pl.Float64, minimum=0.0, maximum=100.0), Column("source")),
    key=_SERIES,
)
QUESTIONS = Sheet(
    "questions.csv",
    (
        Column("question", pattern=r"^[a-z][a-z0-9_]*$", advice="write lower case with underscores"),
        *_PLACES,
        Column("points", pl.Float64, minimum=0.0),
        Column("text"),
        Column("is_shown", among=("yes", "no")),
    ),
    key=("question",),
)
GIVEN = Sheet(
    "answers.csv",
    (Column("city"), _YEAR, Column("question"), Column("answer", among=tuple(ANSWERS)), Column("source")),
    key=("city", "year", "question"),
)

SCORE_SCHEMA: dict[str, pl.DataType] = {
    "city": pl.String(),
    "name": pl.String(),
    "country": pl.String(),
    "population": pl.Int64(),
    "foreign_born_percent": pl.Float64(),
    "is_own": pl.Boolean(),
    "year": pl.Int64(),
    "index": pl.String(),
    "sub_index": pl.String(),
    "kind": pl.String(),
    "score": pl.Float64(),
    "basis": pl.String(),
    "source": pl.String(),
}


def index_scores(city: City, configs: Path) -> pl.DataFrame:
    """Scores (0 to 100) of `city` and of the cities it may be compared with, as `SCORE_SCHEMA` says; long form.

    `basis` is `final` (as entered) or `answers` (worked out); `is_own` marks the city's own. Raises `BadConfiguration`
    listing every mistake of the set's files.
    """
    folder = configs / "icc" / ("synthetic" if city.is_synthetic else "members")
    others = _others(folder).filter(pl.col("city") != city.id)
    return pl.concat([_own(city, read_icc_index(city)), others]).sort(_SERIES, nulls_last=False)


def newest(scores: pl.DataFrame) -> pl.DataFrame:
    """Of each city, index and kind only the newest year's score."""
    series = [name for name in _SERIES if name != "year"]
    return scores.sort("year").unique(series, keep="last", maintain_order=True).sort(_SERIES, nulls_last=False)


def comparable(
    scores: pl.DataFrame, *, size: str | None = None, diversity: str | None = None, country: str | None = None
) -> pl.DataFrame:
    """The other cities' newest scores, of cities of one size, diversity or country if asked for.

    `size`: smaller or larger than `LARGER_FROM_PERSONS`; `diversity`: less or more than `MORE_DIVERSE_FROM_PERCENT`
    born abroad (cities that do not say are in neither). Raises `ValueError` for another word.
    """
    wanted = pl.col("is_own").not_()
    if size is not None:
        wanted &= _side(pl.col("population") >= LARGER_FROM_PERSONS, size, SIZES)
    if diversity is not None:
        wanted &= _side(pl.col("foreign_born_percent") >= MORE_DIVERSE_FROM_PERCENT, diversity, DIVERSITIES)
    if country is not None:
        wanted &= pl.col("country") == country
    return newest(scores.filter(wanted))


def beside_others(scores: pl.DataFrame, others: pl.DataFrame, *, kind: str = "core") -> pl.DataFrame:
    """The city's newest score of every index beside those of `others` (from `comparable`).

    Returns index, sub_index, score, year, cities, lowest, lower_quartile, median, upper_quartile, highest; an index the
    city has no score of is left out, and where no other city has one the last five are empty.
    """
    place = ["index", "sub_index"]
    own = newest(scores.filter(pl.col("is_own"), pl.col("kind") == kind)).select(*place, "score", "year")
    theirs = (
        others.filter(pl.col("kind") == kind)
        .group_by(place)
        .agg(
            cities=pl.col("city").n_unique().cast(pl.Int64),
            lowest=pl.col("score").min(),
            lower_quartile=pl.col("score").quantile(0.25, "linear"),
            median=pl.col("score").median(),
            upper_quartile=pl.col("score").quantile(0.75, "linear"),
            highest=pl.col("score").max(),
        )
    )
    joined = own.join(theirs, on=place, how="left", nulls_equal=True).with_columns(pl.col("cities").fill_null(0))
    return _in_order(joined)


def progress(scores: pl.DataFrame, *, kind: str = "core") -> pl.DataFrame:
    """The city's own scores over the years: index, sub_index, year, score, since_first (points)."""
    own = scores.filter(pl.col("is_own"), pl.col("kind") == kind).sort("year")
    first = pl.col("score").first().over("index", "sub_index")
    return _in_order(own.select("index", "sub_index", "year", "score", since_first=pl.col("score") - first))


def facts_and_figures(city: City, configs: Path) -> pl.DataFrame:
    """Chosen questions and how cities answered them, newest answers of each: one row a question and answer.

    Returns question, index, text, answer, cities (that answered so), asked (that answered at all), share (0-1).
    """
    folder = configs / "icc" / ("synthetic" if city.is_synthetic else "members")
    _, _, questions, given = _read(folder)
    shown = questions.filter(pl.col("is_shown") == "yes").select("question", "index", "text")
    last = given.sort("year").unique(["city", "question"], keep="last").join(shown, on="question")
    asked = pl.col("cities").sum().over("question")
    counted = last.group_by("question", "index", "text", "answer").agg(cities=pl.len().cast(pl.Int64))
    return counted.with_columns(asked=asked, share=pl.col("cities") / asked).sort(
        pl.col("index").replace_strict(_ORDER, return_dtype=pl.Int64), "question", _answer_order()
    )


_ORDER = {name: place for place, name in enumerate(ICC_INDICES)}
_LENS_ORDER = {name: place for place, name in enumerate(ICC_LENS)}


def _answer_order() -> pl.Expr:
    return pl.col("answer").replace_strict({name: place for place, name in enumerate(ANSWERS)}, return_dtype=pl.Int64)


def _in_order(rows: pl.DataFrame) -> pl.DataFrame:
    """As the programme lists them: the twelve, the six fields of the lens after it."""
    keys = (
        pl.col("index").replace_strict(_ORDER, return_dtype=pl.Int64),
        pl.col("sub_index").replace_strict(_LENS_ORDER, default=-1, return_dtype=pl.Int64),
    )
    return rows.sort(*keys, *(["year"] if "year" in rows.columns else []))


def _side(is_upper: pl.Expr, chosen: str, names: tuple[str, str]) -> pl.Expr:
    if chosen not in names:
        raise ValueError(f"{chosen!r} is neither {names[0]} nor {names[1]}")
    return is_upper if chosen == names[1] else ~is_upper


def _own(city: City, entered: IccIndex | None) -> pl.DataFrame:
    persons = city.neighbourhoods["population"].sum() or None
    who = {
        "city": city.id,
        "name": city.name,
        "country": city.country,
        "population": persons,
        "foreign_born_percent": entered.foreign_born_percent if entered else None,
        "is_own": True,
    }
    rows = [who | row for year in (entered.years if entered else ()) for row in _rows_of(year)]
    return pl.DataFrame(rows, schema=SCORE_SCHEMA)


def _rows_of(year: IccYear) -> list[dict[str, Any]]:
    when = {"year": year.year, "source": year.source, "basis": "final"}
    entries: list[tuple[str, str | None, IccScore]] = []
    for index in year.indices:
        entries += [(index.id, None, index), *((index.id, part.id, part) for part in index.sub_indices)]
    return [
        {**when, "index": index, "sub_index": part, "kind": kind, "score": getattr(entry, kind)}
        for index, part, entry in entries
        for kind in KINDS
        if getattr(entry, kind) is not None
    ]


def _others(folder: Path) -> pl.DataFrame:
    cities, final, questions, given = _read(folder)
    entered = final.with_columns(basis=pl.lit("final"))
    worked_out = _from_answers(questions, given).join(entered, on=_SERIES, how="anti", nulls_equal=True)
    scores = pl.concat([entered, worked_out.select(entered.columns)])
    known = cities.drop("source").with_columns(is_own=pl.lit(value=False))
    return known.join(scores, on="city").select(pl.col(name).cast(dtype) for name, dtype in SCORE_SCHEMA.items())


def _from_answers(questions: pl.DataFrame, given: pl.DataFrame) -> pl.DataFrame:
    """Score of an index: points earned of those its answered questions can give; extended counts core questions too."""
    earned = pl.col("points") * pl.col("answer").replace_strict(ANSWERS, return_dtype=pl.Float64)
    told = given.join(questions, on="question").with_columns(earned=earned)
    both = pl.concat([told.filter(pl.col("kind") == "core"), told.with_columns(kind=pl.lit("extended"))])
    sums = both.group_by(_SERIES, maintain_order=True).agg(
        score=100 * pl.col("earned").sum() / pl.col("points").sum(), source=pl.col("source").first()
    )
    return sums.filter(pl.col("score").is_finite()).with_columns(basis=pl.lit("answers"))


def _read(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    mistakes = Mistakes()
    cities, scores, questions, given = (read_csv_file(folder, s, mistakes) for s in (CITIES, SCORES, QUESTIONS, GIVEN))
    _check_known(scores, "city", cities["city"], SCORES.file, mistakes)
    _check_known(given, "city", cities["city"], GIVEN.file, mistakes)
    _check_known(given, "question", questions["question"], GIVEN.file, mistakes)
    for sheet, rows in ((SCORES, scores), (QUESTIONS, questions)):
        if rows.filter(pl.col("sub_index").is_not_null(), pl.col("index") != _LENS_OF).height:
            mistakes.add(sheet.file, "column sub_index", f"is given outside {_LENS_OF}", "leave it empty there")
    if mistakes:
        raise BadConfiguration("\n".join([f"configs/icc/{folder.name} has mistakes:", *(f"- {m}" for m in mistakes)]))
    return cities, scores, questions, given


def _check_known(rows: pl.DataFrame, column: str, known: pl.Series, file: str, mistakes: Mistakes) -> None:
    strange = sorted(set(rows[column].to_list()) - set(known.to_list()))
    if strange:
        mistakes.add(file, f"column {column}", f"{', '.join(strange[:5])} is not declared", "add it or mend the name")
