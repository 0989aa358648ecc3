"""The ICC Index as the city entered it: twelve indices of policy inputs, beside trust and never part of it.

What a city leaves out is shown as not provided; nothing is worked out and nothing is carried over from elsewhere.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from barometer.city import City, read_icc_index

NOT_PROVIDED = "not provided by the city"

# Ids as in a city's icc_index.yaml, names as the Intercultural Cities programme gives them.
INDICES: dict[str, str] = {
    "commitment": "Commitment",
    "intercultural_lens": "Intercultural lens",
    "mediation_and_conflict_resolution": "Mediation and conflict resolution",
    "language": "Language",
    "media_and_communication": "Media and communication",
    "international_outlook": "International outlook",
    "intercultural_intelligence_and_competence": "Intercultural intelligence and competence",
    "welcoming_newcomers": "Welcoming newcomers",
    "leadership_and_citizenship": "Leadership and citizenship",
    "anti_discrimination": "Anti-discrimination",
    "participation": "Participation",
    "interaction": "Interaction",
}
LENS: dict[str, str] = {
    "education": "Education",
    "neighbourhoods": "Neighbourhoods",
    "public_services": "Public services",
    "business_and_labour_market": "Business and labour market",
    "cultural_and_social_life": "Cultural and social life",
    "public_space": "Public space",
}
_WITH_LENS = "intercultural_lens"
SCHEMA: dict[str, pl.DataType] = {
    "index": pl.String(),
    "sub_index": pl.String(),
    "name": pl.String(),
    "core": pl.Float64(),
    "extended": pl.Float64(),
    "note": pl.String(),
}


def icc_table(city: City) -> pl.DataFrame:
    """Scores (0 to 100) in the programme's order, the six fields of the intercultural lens after it.

    Columns: index, sub_index (empty for an index), name, core, extended, note. A missing score is empty, with its note.
    """
    entered = _entered(city)
    rows = [_row(entered, *place) for place in _places()]
    return pl.DataFrame(rows, schema=SCHEMA)


def icc_record(city: City) -> dict[str, Any]:
    """The same as one JSON object, with the year and source the city states."""
    index = read_icc_index(city)
    return {
        "title": "Intercultural Cities Index",
        "meaning": "Measures a city's policies and structures, scored 0 to 100. It does not measure trust.",
        "city": city.id,
        "is_provided": bool(index and index.is_filled_in),
        "is_synthetic": bool(index and index.is_synthetic),
        "year": index.year if index else None,
        "source": index.source if index else None,
        "scores": icc_table(city).to_dicts(),
    }


def _places() -> list[tuple[str, str | None, str]]:
    """(index, sub_index, name) in order."""
    places: list[tuple[str, str | None, str]] = []
    for index, name in INDICES.items():
        places.append((index, None, name))
        places += [(index, field, title) for field, title in LENS.items() if index == _WITH_LENS]
    return places


def _entered(city: City) -> dict[tuple[str, str | None], tuple[float | None, float | None]]:
    index = read_icc_index(city)
    scores: dict[tuple[str, str | None], tuple[float | None, float | None]] = {}
    for entry in index.indices if index else ():
        scores[entry.id, None] = (entry.core, entry.extended)
        scores |= {(entry.id, part.id): (part.core, part.extended) for part in entry.sub_indices}
    return scores


def _row(
    entered: dict[tuple[str, str | None], tuple[float | None, float | None]], index: str, part: str | None, name: str
) -> dict[str, Any]:
    core, extended = entered.get((index, part), (None, None))
    missing = [kind for kind, score in (("core", core), ("extended", extended)) if score is None]
    note = f"{' and '.join(missing)} {NOT_PROVIDED}" if missing else None
    return {"index": index, "sub_index": part, "name": name, "core": core, "extended": extended, "note": note}
