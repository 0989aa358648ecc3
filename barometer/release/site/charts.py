"""The charts that need a script, as Altair makes them; each stands beside a table with the same figures.

They carry no data: the page's script fills the named data sets and parameters. Text and axes take the page's colours.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import altair as alt

# Okabe and Ito (2008): told apart in every common form of colour blindness, on white and on near black.
FIRST_COLOUR, SECOND_COLOUR, CITY_COLOUR = "#0072b2", "#d55e00", "#7f868c"
STATE_COLOURS = {"open": "#d55e00", "answered": "#009e73", "quiet": "#7f868c"}
# Of the Index's charts. The script puts the page's own colours in place of text and city colours where it is dark.
AREA_COLOUR, TEXT_COLOUR = FIRST_COLOUR, "#1f2933"
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"
_WHO = ("first", "second", "city")


@cache
def trend_chart(*, height: int = 280) -> dict[str, Any]:
    """Data set `trend`: day, who (first, second or city), value, lower, upper, label, period, shown.

    Parameters: `lowest`, `highest` (ends of the value axis), `is_share` (its labels).
    """
    start = {"lowest": 0, "highest": 1, "is_share": True}
    params = [alt.param(name=name, value=value) for name, value in start.items()]
    colours = alt.Scale(domain=list(_WHO), range=[FIRST_COLOUR, SECOND_COLOUR, CITY_COLOUR])
    base = alt.Chart(alt.NamedData(name="trend")).encode(
        x=_time_axis(), color=alt.Color("who:N", scale=colours, legend=None)
    )
    layers = (_bars(base), _line(base), _points(base))
    return _specification(alt.layer(*layers).add_params(*params), height)


def _time_axis(name: str = "day") -> alt.X:
    ticks = alt.ExprRef("width < 420 ? 2 : 5")
    axis = alt.Axis(
        format="%-d %b %y", labelAngle=0, tickCount=ticks, grid=False, labelOverlap="greedy", labelSeparation=10
    )
    return alt.X(f"{name}:T", title=None, scale=alt.Scale(padding=22), axis=axis)


def _bars(base: alt.Chart) -> Any:
    """The interval of each period."""
    axis = alt.Axis(labelExpr="is_share ? format(datum.value, '.0%') : format(datum.value, '~r')", tickCount=5)
    scale = alt.Scale(domain=[alt.ExprRef("lowest"), alt.ExprRef("highest")], nice=True)
    lower = alt.Y("lower:Q", title=None, axis=axis, scale=scale)
    return base.mark_rule(opacity=0.6, strokeWidth=2, aria=False).encode(y=lower, y2="upper:Q")


def _line(base: alt.Chart) -> Any:
    dash = alt.Scale(domain=list(_WHO), range=[[1, 0], [7, 3], [2, 3]])
    return base.mark_line(strokeWidth=2.5, aria=False).encode(
        y="value:Q", strokeDash=alt.StrokeDash("who:N", scale=dash, legend=None)
    )


def _points(base: alt.Chart) -> Any:
    shapes = alt.Scale(domain=list(_WHO), range=["circle", "diamond", "square"])
    titles = {"label": "", "period": "", "shown": ""}
    return base.mark_point(filled=True, size=75, opacity=1, aria=False).encode(
        y="value:Q",
        shape=alt.Shape("who:N", scale=shapes, legend=None),
        tooltip=[alt.Tooltip(f"{name}:N", title=title) for name, title in titles.items()],
    )


@cache
def life_chart() -> dict[str, Any]:
    """Data set `lives`: label, first, last (days), state (id), state_name. One bar a rumour, in the order given."""
    colours = alt.Scale(domain=list(STATE_COLOURS), range=list(STATE_COLOURS.values()))
    base = alt.Chart(alt.NamedData(name="lives")).encode(
        y=alt.Y("label:N", sort=None, title=None, axis=alt.Axis(labelLimit=260)),
    )
    bars = base.mark_bar(height=12, aria=False).encode(
        x=_time_axis("first"), x2="last:T", color=alt.Color("state:N", scale=colours, legend=None)
    )
    # Words in the page's ink: a bar may be amber, its name beside it may not.
    names = base.mark_text(align="left", dx=7, aria=False, color=TEXT_COLOUR).encode(x="last:T", text="state_name:N")
    return _specification(alt.layer(bars, names), alt.Step(30))


def _specification(chart: Any, height: Any) -> dict[str, Any]:
    fitted = alt.AutoSizeParams(type="fit-x" if isinstance(height, alt.Step) else "fit", contains="padding")
    sized = chart.properties(width="container", height=height, autosize=fitted)
    styled = sized.configure(font=_FONT, background="transparent")
    specification: dict[str, Any] = styled.configure_view(stroke=None).configure_axis(labelFontSize=13).to_dict()
    return specification
