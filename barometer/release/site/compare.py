"""`compare.html`: two neighbourhoods, or one at two times, side by side; what cannot be told apart is not ranked."""

from __future__ import annotations

from barometer.release.site.charts import trend_chart
from barometer.release.site.figures import default_indicator
from barometer.release.site.script_data import script_words
from barometer.release.site.view import View, as_script_data

FILE = "compare.html"


def render(view: View) -> str:
    """The page; its script fills the table and the chart."""
    site = view.site
    city = site.night.city
    areas = list(site.areas)
    data = script_words(view) | {
        "chosen": default_indicator(site.series, city),
        "first": areas[0],
        "second": areas[1] if len(areas) > 1 else city.id,
        "groups": [[title, [each.indicator.id for each in members]] for title, members in view.by_dimension()],
        "chart": trend_chart(),
    }
    depth = max(len(series.periods) for series in site.series.values())
    return view.page("compare.html.j2", FILE, data=as_script_data(data), depth=depth)
