"""The page's two charts, as Altair makes them: a map of areas and a trend with intervals.

They carry no data: the page's script fills the named data sets and parameters when a reader chooses.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import altair as alt

AREA_COLOUR = "#0b5d7a"
CITY_COLOUR = "#6b6b6b"
TEXT_COLOUR = "#1f2933"
SELECTED_COLOUR = "#d1006c"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"
_WHO = alt.Scale(domain=["area", "city"], range=[AREA_COLOUR, CITY_COLOUR])


@cache
def map_chart() -> dict[str, Any]:
    """Vega-Lite specification.

    Data set `areas`: GeoJSON features with area, name, fill, shown. Parameter `chosen`: the area to outline.
    """
    tooltip = [alt.Tooltip("name:N", title="Neighbourhood"), alt.Tooltip("shown:N", title="Figure")]
    base = alt.Chart(alt.NamedData(name="areas"))
    areas = base.mark_geoshape(stroke="#ffffff", strokeWidth=0.8, cursor="pointer", aria=False).encode(
        fill=alt.Fill("fill:N", scale=None), tooltip=tooltip
    )
    outline = base.mark_geoshape(filled=False, stroke=SELECTED_COLOUR, strokeWidth=3, aria=False).transform_filter(
        "datum.area === chosen"
    )
    chart = alt.layer(areas, outline).add_params(alt.param(name="chosen", value=""))
    return _specification(chart.project(type="identity", reflectY=True), "container")


@cache
def trend_chart(*, height: int) -> dict[str, Any]:
    """Vega-Lite specification. Data set `trend`: day, who (area or city), value, lower, upper, label, period, shown.

    Parameters: `lowest`, `highest` (ends of the value axis), `is_share` (its labels), `is_band` (whether what lies
    between two periods was measured too).
    """
    start = {"lowest": 0, "highest": 1, "is_share": True, "is_band": False}
    params = [alt.param(name=name, value=value) for name, value in start.items()]
    base = alt.Chart(alt.NamedData(name="trend")).encode(
        x=_time_axis(), color=alt.Color("who:N", scale=_WHO, legend=None)
    )
    layers = (_band(base), _bars(base), _line(base), _points(base))
    return _specification(alt.layer(*layers).add_params(*params), height)


def _time_axis() -> alt.X:
    axis = alt.Axis(
        format="%-d %b %y", labelAngle=0, tickCount=5, grid=False, labelOverlap="greedy", labelSeparation=10
    )
    return alt.X("day:T", title=None, scale=alt.Scale(padding=22), axis=axis)


def _band(base: alt.Chart) -> Any:
    """The interval as an area. A survey says nothing of the time between its waves: then it is not drawn."""
    axis = alt.Axis(labelExpr="is_share ? format(datum.value, '.0%') : format(datum.value, '~r')", tickCount=5)
    scale = alt.Scale(domain=[alt.ExprRef("lowest"), alt.ExprRef("highest")], nice=True)
    lower = alt.Y("lower:Q", title=None, axis=axis, scale=scale)
    mark = base.mark_area(opacity=alt.ExprRef("is_band ? 0.16 : 0"), line=False, aria=False)
    return mark.encode(y=lower, y2="upper:Q")


def _bars(base: alt.Chart) -> Any:
    """The interval of each period."""
    return base.mark_rule(opacity=0.55, strokeWidth=1.5, aria=False).encode(y="lower:Q", y2="upper:Q")


def _line(base: alt.Chart) -> Any:
    return base.mark_line(strokeWidth=2.5, aria=False).encode(y="value:Q", strokeDash=_dash())


def _points(base: alt.Chart) -> Any:
    shapes = alt.Scale(domain=["area", "city"], range=["circle", "square"])
    titles = {"label": "Place", "period": "Period", "shown": "Figure"}
    return base.mark_point(filled=True, size=70, opacity=1, aria=False).encode(
        y="value:Q",
        shape=alt.Shape("who:N", scale=shapes, legend=None),
        tooltip=[alt.Tooltip(f"{name}:N", title=title) for name, title in titles.items()],
    )


def _dash() -> alt.StrokeDash:
    """City and neighbourhood differ by more than colour."""
    return alt.StrokeDash("who:N", scale=alt.Scale(domain=["area", "city"], range=[[1, 0], [6, 4]]), legend=None)


def _specification(chart: alt.LayerChart | alt.FacetChart, height: int | str) -> dict[str, Any]:
    styled = chart.properties(width="container", height=height).configure(font=_FONT, background="transparent")
    styled = styled.configure_view(stroke=None).configure_axis(
        labelColor=TEXT_COLOUR, labelFontSize=13, gridColor="#e3e7ea", domainColor="#9aa5b1", tickColor="#9aa5b1"
    )
    specification: dict[str, Any] = styled.to_dict()
    return specification
