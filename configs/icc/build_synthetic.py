"""Writes `configs/icc/synthetic/`: sixteen invented cities with invented scores of the ICC Index. SYNTHETIC.

Run `python configs/icc/build_synthetic.py` to write the same files again. Nothing in them is any real city's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from barometer.city_files import ICC_INDICES, ICC_LENS

SEED = 2026
FOLDER = Path(__file__).parent / "synthetic"
SOURCE = "Invented for the sample city; no real city's scores"
YEARS = (2019, 2022, 2025)
STEP = 5
LENS = "intercultural_lens"
# Countries XA to XC are codes that ISO 3166-1 leaves free for invention.
CITIES = (
    ("amberhaven", "Amberhaven", "XA", 96_000, 8.0),
    ("birchford", "Birchford", "GB", 143_000, 21.0),
    ("copperwick", "Copperwick", "GB", 412_000, 18.0),
    ("dunmarsh", "Dunmarsh", "XB", 58_000, 11.0),
    ("eastmere", "Eastmere", "GB", 187_000, 9.0),
    ("fennbrook", "Fennbrook", "XC", 254_000, 26.0),
    ("goldcombe", "Goldcombe", "XA", 731_000, 31.0),
    ("harrowdale", "Harrowdale", "GB", 305_000, 13.0),
    ("ironvale", "Ironvale", "XB", 122_000, 6.0),
    ("jasperton", "Jasperton", "XC", 88_000, 17.0),
    ("kettlewater", "Kettlewater", "GB", 231_000, 12.0),
    ("larkstead", "Larkstead", "XA", 169_000, 14.0),
    ("millhythe", "Millhythe", "XB", 540_000, 22.0),
    ("northwold", "Northwold", "GB", 76_000, 5.0),
    ("oakenstrand", "Oakenstrand", "XC", 318_000, 10.0),
    ("pinegate", "Pinegate", "XA", 205_000, 19.0),
)
QUESTIONS = (
    ("public_statement", "commitment", None, "Has the city said in public that it wants to be an intercultural city?"),
    ("strategy_with_budget", "commitment", None, "Is there an intercultural strategy with a budget of its own?"),
    ("teachers_alike", "intercultural_lens", "education", "Do teachers' backgrounds mirror those of residents?"),
    ("schools_with_parents", "intercultural_lens", "education", "Do schools work to bring in parents of every origin?"),
    ("mixing_in_housing", "intercultural_lens", "neighbourhoods", "Does the city work for mixed neighbourhoods?"),
    ("staff_mirror", "intercultural_lens", "public_services", "Do the city's staff mirror its residents?"),
    (
        "fair_recruitment",
        "intercultural_lens",
        "business_and_labour_market",
        "Do employers' bodies work for fair hiring?",
    ),
    ("mixed_events", "intercultural_lens", "cultural_and_social_life", "Do grants for events ask for mixing?"),
    ("shared_spaces", "intercultural_lens", "public_space", "Are public places planned for people of every origin?"),
    ("mediators", "mediation_and_conflict_resolution", None, "Is there a mediation service for conflicts of cultures?"),
    ("mother_tongue", "language", None, "Can children learn their family's language in or after school?"),
    ("local_media", "media_and_communication", None, "Does the city follow how minorities appear in local media?"),
    ("foreign_ties", "international_outlook", None, "Does the city work with the towns its residents came from?"),
    (
        "asks_residents",
        "intercultural_intelligence_and_competence",
        None,
        "Are residents asked how they see newcomers?",
    ),
    (
        "staff_training",
        "intercultural_intelligence_and_competence",
        None,
        "Are staff trained in working across cultures?",
    ),
    ("one_door", "welcoming_newcomers", None, "Is there one office that welcomes newcomers?"),
    ("council_mirror", "leadership_and_citizenship", None, "Do elected members mirror the city's residents?"),
    ("anti_rumours", "anti_discrimination", None, "Does the city answer rumours about groups of residents?"),
    ("victim_help", "anti_discrimination", None, "Is there help for people who were discriminated against?"),
    ("resident_panels", "participation", None, "Do residents of every origin take part in what concerns them?"),
    ("list_of_groups", "interaction", None, "Does the city know the groups that bring people together?"),
)


def main() -> None:
    """Write the four tables."""
    FOLDER.mkdir(exist_ok=True)
    random = np.random.default_rng(SEED)
    _write(
        "cities",
        [(*city[:1], f"{city[1]} (synthetic)", *city[2:], SOURCE) for city in CITIES],
        "city name country population foreign_born_percent source",
    )
    _write("scores", list(_scores(random)), "city year index sub_index kind score source")
    questions = [(name, index, part, "core", 10, text, "yes") for name, index, part, text in QUESTIONS]
    _write("questions", questions, "question index sub_index kind points text is_shown")
    _write("answers", list(_answers(random)), "city year question answer source")


def _scores(random: np.random.Generator):
    """A level a city, a level an index, some progress over the years; in round steps, extended below core."""
    levels = {index: random.normal(0, 8) for index in (*ICC_INDICES, *ICC_LENS)}
    for city, *_ in CITIES:
        level, pace = random.normal(58, 12), random.normal(4, 3)
        own = {index: random.normal(0, 9) for index in levels}
        for step, year in enumerate(YEARS):
            for index, part in ((i, p) for i in ICC_INDICES for p in (None, *(ICC_LENS if i == LENS else ()))):
                core = _in_steps(level + pace * step + levels[part or index] + own[part or index] + random.normal(0, 3))
                yield city, year, index, part, "core", core, SOURCE
                yield city, year, index, part, "extended", max(0, core - STEP * int(random.integers(0, 3))), SOURCE


def _answers(random: np.random.Generator):
    for city, *_ in CITIES:
        lean = random.uniform(0.3, 0.8)
        for question in QUESTIONS:
            yield city, YEARS[-1], question[0], str(random.choice(["yes", "partly", "no"], p=_odds(lean))), SOURCE


def _odds(lean: float) -> list[float]:
    return [lean, (1 - lean) / 2, (1 - lean) / 2]


def _in_steps(value: float) -> int:
    return int(np.clip(STEP * round(value / STEP), 0, 100))


def _write(name: str, rows: list[tuple[object, ...]], columns: str) -> None:
    pl.DataFrame(rows, schema=columns.split(), orient="row", infer_schema_length=None).write_csv(FOLDER / f"{name}.csv")


if __name__ == "__main__":
    main()
