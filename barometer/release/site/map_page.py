"""`map.html`: one figure over all neighbourhoods, as a map for mouse and arrow keys, and as a table."""

from __future__ import annotations

from typing import Any

from barometer.release.site.drawings import centres, hatch
from barometer.release.site.figures import Figure, Series, default_indicator
from barometer.release.site.script_data import script_words
from barometer.release.site.view import View, as_script_data
from barometer.release.words import between

FILE = "map.html"


def render(view: View) -> str:
    """The page, showing the figure of trust that most neighbourhoods have; its script shows the others."""
    site = view.site
    series = site.series[default_indicator(site.series, site.night.city)]
    paths, box = site.paths
    return view.page(
        "map.html.j2",
        FILE,
        series=series,
        rows=[_row(area, name, series, view) for area, name in site.areas.items()],
        whole=_row(site.night.city.id, view.language.say("Whole city"), series, view),
        legend=legend(series, view),
        paths=paths,
        box=box,
        hatch=hatch(),
        data=as_script_data(
            script_words(view) | {"chosen": series.indicator.id, "centres": _centres(view), "pages": _pages(view)}
        ),
    )


def _row(area: str, name: str, series: Series, view: View) -> dict[str, Any]:
    figure = series.at(area)
    indicator = series.indicator
    shown = view.value(figure.value, indicator)
    return {
        "area": area,
        "name": name,
        "value": shown,
        "interval": view.interval(figure, indicator) if figure.is_shown else "",
        "n": view.people(figure.n, indicator),
        "reason": "" if figure.is_shown else view.reason(figure),
        "is_model": figure.is_shown and figure.method == "model",
        "fill": series.colour(figure.value) if figure.value is not None else "url(#hatch)",
        "label": label(name, figure, series, view),
    }


def label(name: str, figure: Figure, series: Series, view: View) -> str:
    """Name and figure of an area, as it is read aloud."""
    if figure.value is None:
        return view.language.say("%(name)s: no figure, %(reason)s", name=name, reason=view.reason(figure))
    value, interval = view.value(figure.value, series.indicator), view.interval(figure, series.indicator)
    return view.language.say("%(name)s: %(value)s (%(interval)s)", name=name, value=value, interval=interval)


def legend(series: Series, view: View) -> list[tuple[str, str]]:
    """Colour and range of each map class."""
    edges = [_edge(edge, series, view) for edge in series.edges]
    return [
        (colour, between(low, high, view.language))
        for colour, low, high in zip(series.colours, edges, edges[1:], strict=False)
    ]


def _edge(edge: float, series: Series, view: View) -> str:
    """Without needless decimals."""
    number = 100 * edge if series.indicator.is_share else edge
    decimals = next(d for d in range(5) if d == 4 or abs(number - round(number, d)) < 1e-6)
    return view.language.number(number, decimals) + (view.language.per_cent if series.indicator.is_share else "")


def _centres(view: View) -> dict[str, tuple[int, int]]:
    city = view.site.night.city
    return centres(city.boundaries(city.primary))


def _pages(view: View) -> dict[str, str]:
    return {area: view.area_file(area) for area in view.site.areas}
