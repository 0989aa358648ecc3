"""The Index's three charts, as Altair makes them. They carry no data: the page fills the named data sets.

Own and other cities differ by shape and place as well as by colour.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import altair as alt

from barometer.release.charts import AREA_COLOUR, CITY_COLOUR, TEXT_COLOUR

_SCORE = alt.Scale(domain=[0, 100])
_AXIS = alt.Axis(values=[0, 20, 40, 60, 80, 100])
# Light enough for the other cities' marks to be seen on it; 3:1 against white.
_BAR_COLOUR = "#5b9bb3"
_OTHERS_COLOUR = "#3d4852"
_BAR_HEIGHT_PX = 22
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"


@cache
def achievement_chart() -> dict[str, Any]:
    """Vega-Lite specification: the city's score by index as a bar, the other cities' middle half and median on it.

    Data set `achievement`: title, place (order), score, lower_quartile, median, upper_quartile, shown.
    """
    base = alt.Chart(alt.NamedData(name="achievement")).encode(y=_by_place())
    score = alt.X("score:Q", scale=_SCORE, title=None, axis=_AXIS)
    bars = base.mark_bar(color=_BAR_COLOUR, height=_BAR_HEIGHT_PX * 0.6, aria=False).encode(
        x=score, tooltip=[alt.Tooltip("title:N", title="Index"), alt.Tooltip("shown:N", title="Scores")]
    )
    half = base.mark_bar(color=_OTHERS_COLOUR, opacity=0.6, height=_BAR_HEIGHT_PX * 0.25, aria=False).encode(
        x="lower_quartile:Q", x2="upper_quartile:Q"
    )
    median = base.mark_tick(color=TEXT_COLOUR, thickness=2.5, size=_BAR_HEIGHT_PX * 0.8, aria=False).encode(
        x="median:Q"
    )
    return _styled(alt.layer(bars, half, median))


@cache
def progress_chart() -> dict[str, Any]:
    """Vega-Lite specification: the city's score over the years, one small panel an index.

    Data set `progress`: title, place, year, score.
    """
    line = alt.Chart(alt.NamedData(name="progress")).mark_line(point=True, color=AREA_COLOUR, aria=False)
    chart = line.encode(
        x=alt.X("year:O", title=None, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("score:Q", scale=_SCORE, title=None, axis=alt.Axis(values=[0, 50, 100])),
        tooltip=[alt.Tooltip("title:N", title="Index"), alt.Tooltip("year:O", title="Year"), "score:Q"],
    ).properties(width=170, height=80)
    header = alt.Header(title=None, labelFontSize=11, labelLimit=240, labelAnchor="start")
    facets = chart.facet(facet=alt.Facet("title:N", sort=alt.SortField("place"), header=header), columns=4, spacing=14)
    return _configured(facets)


@cache
def comparison_chart() -> dict[str, Any]:
    """Vega-Lite specification: every city's score by index as a point, the city's own as a large diamond.

    Data set `comparison`: title, place, city, score, who (own or other).
    """
    chart = alt.Chart(alt.NamedData(name="comparison")).mark_point(filled=True, opacity=0.75, aria=False)
    return _styled(
        chart.encode(
            y=_by_place(),
            x=alt.X("score:Q", scale=_SCORE, title=None, axis=_AXIS),
            color=alt.Color("who:N", scale=_told_apart([CITY_COLOUR, AREA_COLOUR]), legend=None),
            shape=alt.Shape("who:N", scale=_told_apart(["circle", "diamond"]), legend=None),
            size=alt.Size("who:N", scale=_told_apart([45, 160]), legend=None),
            order=alt.Order("who:N"),
            tooltip=[alt.Tooltip("city:N", title="City"), alt.Tooltip("title:N", title="Index"), "score:Q"],
        )
    )


def _told_apart(of_other_and_own: list[Any]) -> alt.Scale:
    return alt.Scale(domain=["other", "own"], range=of_other_and_own)


def _by_place() -> alt.Y:
    axis = alt.Axis(labelLimit=260, labelFontSize=13, ticks=False, domain=False)
    return alt.Y("title:N", sort=alt.SortField("place"), title=None, axis=axis)


def _styled(chart: Any) -> dict[str, Any]:
    return _configured(chart.properties(width="container", height=alt.Step(_BAR_HEIGHT_PX)))


def _configured(chart: Any) -> dict[str, Any]:
    styled = chart.configure(font=_FONT, background="transparent").configure_view(stroke=None)
    styled = styled.configure_axis(labelColor=TEXT_COLOUR, gridColor="#e3e7ea", domainColor="#9aa5b1")
    specification: dict[str, Any] = styled.to_dict()
    return specification
