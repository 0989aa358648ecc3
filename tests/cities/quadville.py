"""Quadville: an invented city folder, whole and sound, of four square neighbourhoods in two wards. Tests break it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

SQUARE_DEGREES = 0.1
NAMES = {"Q1": "Northgate", "Q2": "Eastfield", "Q3": "Southbank", "Q4": "Westwood"}
WARDS = {"W1": "Upper Ward", "W2": "Lower Ward"}
WARD_OF = {"Q1": "W1", "Q2": "W1", "Q3": "W2", "Q4": "W2"}
BANDS = {"0-15": 200, "16-64": 600, "65+": 200}

CITY: dict[str, Any] = {
    "id": "quadville",
    "name": "Quadville",
    "country": "GB",
    "timezone": "Europe/London",
    "is_synthetic": True,
    "languages": ["en", "pl", "ur"],
    "geographies": [
        {"id": "hood", "name": "Neighbourhoods", "is_primary": True},
        {"id": "ward", "name": "Wards", "is_primary": False},
    ],
    "attribution": [
        {
            "statement": "Drawn by hand for tests",
            "licence": "CC0-1.0",
            "files": ["areas.csv", "boundaries/hood.geojson"],
        }
    ],
    "sources": [
        {"id": "forum", "signal": "posts", "format": "jsonl", "path": "posts/*.jsonl*", "is_synthetic": True},
        {
            "id": "pulse",
            "signal": "answers",
            "format": "csv",
            "path": "answers/*.csv",
            "is_synthetic": True,
            "options": {"codebook": "pulse.yaml"},
        },
    ],
}


def square(code: str, name: str, west: float, width: float = SQUARE_DEGREES) -> dict[str, Any]:
    """A feature `width` degrees wide and `SQUARE_DEGREES` high, from latitude 53."""
    east, south, north = west + width, 53.0, 53.0 + SQUARE_DEGREES
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    geometry = {"type": "Polygon", "coordinates": [ring]}
    return {"type": "Feature", "properties": {"area": code, "name": name}, "geometry": geometry}


def collection(*features: dict[str, Any]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def neighbourhoods() -> dict[str, Any]:
    """Four squares side by side from west to east: Q1 -2.0 to -1.9, …, Q4 -1.7 to -1.6; latitudes 53.0 to 53.1."""
    return collection(
        *(square(code, name, round(-2.0 + i * SQUARE_DEGREES, 3)) for i, (code, name) in enumerate(NAMES.items()))
    )


def wards() -> dict[str, Any]:
    return collection(square("W1", "Upper Ward", -2.0, 0.2), square("W2", "Lower Ward", -1.8, 0.2))


def icc_index(score: float | None = 50.0) -> dict[str, Any]:
    """The twelve indices, all with the same score; a marked invention."""
    from barometer.city_files import ICC_INDICES, ICC_LENS

    def entry(name: str) -> dict[str, Any]:
        return {"id": name, "name": name.replace("_", " ").title(), "core": score, "extended": score}

    indices = [entry(name) for name in ICC_INDICES]
    indices[ICC_INDICES.index("intercultural_lens")]["sub_indices"] = [entry(name) for name in ICC_LENS]
    return {"year": 2026, "source": "invented for a test", "is_synthetic": True, "indices": indices}


def _csv(header: str, *rows: str) -> str:
    return "\n".join([header, *rows]) + "\n"


def tables() -> dict[str, str]:
    """Every CSV file of the folder as text."""
    pairs = [("hood", "Q1", "Q2"), ("hood", "Q2", "Q3"), ("hood", "Q3", "Q4"), ("ward", "W1", "W2")]
    both_ways = [f"{g},{a},{b}" for g, x, y in pairs for a, b in ((x, y), (y, x))]
    hoods = [f"hood,{code},{name},1000,800" for code, name in NAMES.items()]
    tenure = [f"tenure,{kind},{area},{400 if area == '' else 100},households,households" for kind in ("own", "rent")
              for area in ("", *NAMES)]  # fmt: skip
    return {
        "areas.csv": _csv(
            "geography,area,name,population,adults", *hoods, *(f"ward,{c},{n},2000,1600" for c, n in WARDS.items())
        ),
        "adjacency.csv": _csv("geography,area,neighbour", *both_ways),
        "population.csv": _csv("area,age_band,persons", *(f"{a},{b},{n}" for a in NAMES for b, n in BANDS.items())),
        "margins.csv": _csv("margin,category,area,persons,unit,base", *tenure),
        "covariates.csv": _csv(
            "area,covariate,value,unit,year",
            *(f"{area},owned_share,0.{i + 1},share,2021" for i, area in enumerate(NAMES)),
        ),
        "aliases.csv": _csv(
            "alias,area,kind", "the Gate,Q1,nickname", "Market Street,Q1,landmark", "Market Street,Q2,landmark"
        ),
        "crosswalk.csv": _csv("area,geography,other_area,share", *(f"{a},ward,{w},1.0" for a, w in WARD_OF.items())),
        "codes.csv": _csv("code,area", "E01000001,Q1", "E01000002,Q2"),
        "postcodes.csv": _csv("postcode_prefix,area", "QV1,Q1", "QV12,Q2", "QV2,Q3"),
    }


def write_quadville(configs: Path, **changes: Any) -> Path:
    """Write the whole sound folder below `configs`; `changes` replace fields of city.yaml. Returns the folder."""
    folder = configs / "cities" / "quadville"
    (folder / "boundaries").mkdir(parents=True)
    (configs / "codebooks").mkdir(exist_ok=True)
    (configs / "codebooks" / "pulse.yaml").write_text("title: pulse\n", "utf-8")
    for name, text in tables().items():
        (folder / name).write_text(text, "utf-8")
    for name, features in (("hood", neighbourhoods()), ("ward", wards())):
        (folder / "boundaries" / f"{name}.geojson").write_text(json.dumps(features), "utf-8")
    write_yaml(folder / "city.yaml", CITY | changes)
    write_yaml(folder / "icc_index.yaml", icc_index())
    write_yaml(folder / "thresholds.yaml", {"minimum_n": 12, "reliability": 0.8})
    (folder / "SOURCES.md").write_text("# Invented for tests\n", "utf-8")
    return folder


def write_yaml(path: Path, content: Any) -> None:
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), "utf-8")


def replace(path: Path, old: str, new: str) -> None:
    """Replace text that must be in the file exactly once or more."""
    text = path.read_text("utf-8")
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new), "utf-8")
