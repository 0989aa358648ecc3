"""History of one figure in one place, as a drawing and as rows."""

from __future__ import annotations

from datetime import date

from markupsafe import Markup

from barometer.release.site.drawings import Point, interval, sparkline
from barometer.release.site.figures import Figure, Period, Series


def history_drawing(series: Series, area: str, city: str) -> Markup:
    """A place's periods over the whole city's; nothing where it has a single one."""
    if len(series.shown(area)) < 2:
        return Markup("")
    return sparkline(_points(series, area), _points(series, city) if area != city else [])


def _points(series: Series, area: str) -> list[Point]:
    return [
        (_middle(period), figure.value, figure.lower, figure.upper)
        for period, figure in series.shown(area)
        if figure.value is not None
    ]


def _middle(period: Period) -> date:
    start, end = period
    return start + (end - start) / 2


def interval_drawing(series: Series, figure: Figure, city: str) -> Markup:
    """A figure's interval on the scale of all its neighbourhoods, beside the whole city's value."""
    if figure.value is None or figure.lower is None or figure.upper is None:
        return Markup("")
    return interval(figure.value, figure.lower, figure.upper, city=series.at(city).value, ends=interval_ends(series))


def interval_ends(series: Series) -> tuple[float, float]:
    """Lowest and highest end of any interval of the newest period."""
    newest = [rows[series.latest] for rows in series.rows.values()]
    ends = [end for figure in newest for end in (figure.lower, figure.upper) if end is not None]
    return (min(ends), max(ends)) if ends else (0.0, 1.0)
