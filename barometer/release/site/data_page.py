"""`data.html`: every file to take away, what its columns say, licence, citation and the API."""

from __future__ import annotations

from typing import Any

from barometer.release.language import N_
from barometer.release.site.methods import versions
from barometer.release.site.view import BRIEF, View

FILE = "data.html"
TITLES = {
    "brief.pdf": N_("This release on two pages, for councillors (PDF)"),
    "estimates.csv": N_("All figures with their errors, as a table (CSV)"),
    "estimates.parquet": N_("The same, as Parquet"),
    "estimates.geojson": N_("Newest figures with boundaries, for maps (GeoJSON)"),
    "estimates.gpkg": N_("Newest figures with boundaries, for maps (GeoPackage)"),
    "indicators.csv": N_("What is measured: words, units, scales (CSV)"),
    "revisions.csv": N_("Numbers published otherwise before (CSV)"),
    "coverage.csv": N_("Who is heard (CSV)"),
    "alerts.csv": N_("Changes beyond chance, and what to do first (CSV)"),
    "audits.csv": N_("How shares of voices were corrected, or why not (CSV)"),
    "skill.csv": N_("What each signal adds to the last survey (CSV)"),
    "clusters.csv": N_("Where like neighbourhoods lie together (CSV)"),
    "sensitivity.csv": N_("How far each choice moves a composite (CSV)"),
    "explanations.csv": N_("What each change since the last release comes from (CSV)"),
    "rumours.csv": N_("Claims going round (CSV)"),
    "icc_index.csv": N_("Intercultural Cities Index (CSV)"),
    "icc_index.json": N_("Intercultural Cities Index (JSON)"),
    "datapackage.json": N_("What every column means (Data Package)"),
    "csvw.json": N_("What every column means (CSV on the Web)"),
    "catalogue.jsonld": N_("Catalogue entry (DCAT-AP, JSON-LD)"),
    "atrs.json": N_("Transparency record of the language model (JSON)"),
    "atrs.md": N_("The same, as a document (Markdown)"),
    "manifest.json": N_("Fingerprint of every file, versions, who approved"),
}
COLUMNS = {
    "indicator": N_("what was measured; the page on methods has its card"),
    "geography, area, area_name": N_("where: kind of area, its code, its name"),
    "period_start, period_end": N_("first and last day the figure speaks of"),
    "value": N_("the figure; empty where there is none, and missing_reason says why; empty is not zero"),
    "standard_error, lower, upper": N_("its error, and both ends of its 95%% interval"),
    "n": N_("people, ratings, sessions or records behind it; people to the nearest %(rounding)s, empty where withheld"),
    "effective_n": N_("how many people drawn at random would tell as much"),
    "reliability": N_("from 0 to 1: how far differences between areas are more than noise"),
    "method": N_(
        "how the figure was made: direct, model, prevalence (a share corrected for the language model’s errors), "
        "nowcast (brought up to date) and so on"
    ),
    "missing_reason": N_("why there is no figure"),
    "synthetic": N_("true where a simulation made it"),
    "issued_at": N_("when it was worked out"),
    "run_id, config_version, model_version": N_("which run, configuration and language model made it"),
}
API = {
    "/v1/estimates": N_(
        "figures, by indicator, area and period, as JSON, CSV, Parquet or GeoJSON; as_of gives the past"
    ),
    "/v1/indicators": N_("what is measured"),
    "/v1/rumours": N_("claims going round"),
    "/v1/index": N_("scores of the Intercultural Cities Index"),
    "/docs": N_("the whole description"),
}
_NOT_DATA = (".html", ".css", ".js", ".svg")
_ALWAYS_LAST = "manifest.json"


def render(view: View) -> str:
    """The page."""
    say = view.language.say
    return view.page(
        "data.html.j2",
        FILE,
        downloads=downloads(view),
        columns=[(name, say(text, rounding=view.language.number(5))) for name, text in COLUMNS.items()],
        api=[(path, say(text)) for path, text in API.items()],
        run_id=view.site.night.run_id,
        year=view.site.night.night.year,
        versions=versions(view),
    )


def downloads(view: View) -> list[dict[str, Any]]:
    """Name, title and size of every data file of the release; known ones first, then any other, the manifest last."""
    folder = view.site.folder
    there = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    offered = {name: size for name, size in there.items() if not name.endswith(_NOT_DATA)}
    names = [name for name in TITLES if name in offered or name == _ALWAYS_LAST]
    names[-1:-1] = sorted(set(offered) - set(TITLES))
    return [
        {
            "name": name,
            "path": view.brief if name == BRIEF else name,
            "title": view.language.say(TITLES[name]) if name in TITLES else name,
            "size": size_in_words(offered[name], view) if name in offered else "",
        }
        for name in names
    ]


def size_in_words(size_bytes: int, view: View) -> str:
    """12 kB, 1.4 MB."""
    if size_bytes >= 1_000_000:
        return f"{view.language.number(size_bytes / 1_000_000, 1)} MB"
    return f"{view.language.number(max(1, -(-size_bytes // 1000)))} kB"
