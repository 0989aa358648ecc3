"""A simulated person who reads a synthetic city's rumours, says what they claim and closes what is none. SYNTHETIC.

The written posts carry their story; the city's `written_claims.csv` says what is claimed in it and what answers that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from barometer.city import City
from barometer.errors import BadConfiguration
from barometer.simulate.origin import require_synthetic, written_posts

WRITTEN_CLAIMS = "written_claims.csv"
CLOSED = "faded"
_CLAIMS = {"story": pl.String(), "words": pl.String(), "title": pl.String(), "evidence": pl.String()}


def written_claims(city: City) -> pl.DataFrame:
    """What is claimed in each story: story, words, title, evidence (id of a claim in the city's library, null: none).

    `words`: a pattern that a post of the story matches if it carries this claim and none above it; null matches all.
    Raises `BadConfiguration` when the file is missing.
    """
    path = city.folder / WRITTEN_CLAIMS
    if not path.is_file():
        raise BadConfiguration(f"{WRITTEN_CLAIMS}: is missing in city folder {city.id}; write what each story claims")
    return pl.read_csv(path, comment_prefix="#", schema=_CLAIMS)


def fill_sheet(sheet: pl.DataFrame, *, city: City, mask: Callable[[Sequence[str]], list[str]]) -> pl.DataFrame:
    """The sheet of rumours as a person who knows the stories fills it; claims of no story are left for others.

    `sheet`: rumour, example (masked text), title, evidence, status, same_as and more, most voices first. `mask`: what
    the city's door does to texts, so that a written post is known again. Of several rumours with one claim the first is
    named and the others are the same as it; one whose post claims nothing is closed. Raises `BadConfiguration` for a
    real city.
    """
    require_synthetic(city)
    written = written_posts(city)
    said = _claimed(written, written_claims(city)).with_columns(example=pl.Series(mask(written["text"].to_list())))
    columns = ("example", "title", "evidence", "claims_nothing")
    known = said.select(columns).unique("example", keep="first", maintain_order=True)
    read = sheet.drop("title", "evidence").join(known, on="example", how="left", maintain_order="left")
    first = pl.when(pl.col("title").is_not_null()).then(pl.col("rumour").first().over("title"))
    is_first = first == pl.col("rumour")
    return read.with_columns(
        title=pl.when(is_first).then("title"),
        evidence=pl.when(is_first).then("evidence"),
        same_as=pl.when(~is_first).then(first),
        status=pl.when("claims_nothing").then(pl.lit(CLOSED)).otherwise("status"),
        note=pl.when("claims_nothing").then(pl.lit("no claim")).otherwise("note"),
    ).select(sheet.columns)


def _claimed(written: pl.DataFrame, claims: pl.DataFrame) -> pl.DataFrame:
    """Written posts with title and evidence of the first claim of their story that they match, and claims_nothing."""
    text = pl.col("text").str.to_lowercase()
    rows = [
        ((pl.col("story") == row["story"]) & (text.str.contains(row["words"]) if row["words"] else True), row)
        for row in claims.iter_rows(named=True)
    ]
    first = {
        name: pl.coalesce(pl.when(carries).then(pl.lit(row[name] or "")) for carries, row in rows)
        for name in ("title", "evidence")
    }
    claims_nothing = pl.col("title").is_null() & (pl.col("rumour") == "none")
    found = written.with_columns(**first).with_columns(pl.col("title", "evidence").replace("", None))
    return found.with_columns(claims_nothing=claims_nothing)
