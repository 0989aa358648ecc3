"""The API for Python: `Barometer(url).estimates(indicator="trust_police")` gives polars frames, all pages in one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from io import BytesIO
from typing import Any

import httpx
import polars as pl

from barometer.errors import ServiceRefused, ServiceUnavailable, SourceFailed

TIMEOUT_S = 30.0
ATTEMPTS = 5
LONGEST_WAIT_S = 60.0
PAGE_ROWS = 50_000
_DAYS = ("first_seen", "last_seen", "night")
_BUSY = (429, 502, 503, 504)

Asked = list[tuple[str, str | int | float | bool | None]]
Several = str | Sequence[str] | None


class Barometer:
    """A city's, or several cities', published trust indicators, from the address of a `barometer serve`.

    Every method raises `ServiceUnavailable` when the service cannot be reached or stays busy, and `ServiceRefused` with
    the service's own words when it refuses the question. Close it, or use it in a `with`.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = url.rstrip("/")
        self._http = httpx.Client(base_url=self._url, timeout=timeout_s, transport=transport, follow_redirects=False)
        self._sleep = sleep

    def __enter__(self) -> Barometer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def cities(self) -> pl.DataFrame:
        """A row a city: city, name, synthetic, geographies, releases, newest_release, approved_at, page."""
        return _frame(self._json("/v1/cities")["data"])

    def releases(self, city: str | None = None) -> pl.DataFrame:
        """A row a release, oldest first: city, release, night, issued_at, approved_at, synthetic, files."""
        return _frame(self._json("/v1/releases", city=city)["data"])

    def indicators(
        self, *, city: str | None = None, release: str | None = None, as_of: date | None = None
    ) -> pl.DataFrame:
        """A row an indicator: its id, title, question, unit, scale, direction."""
        return _frame(self._json("/v1/indicators", city=city, release=release, as_of=as_of)["data"])

    def rumours(
        self, *, city: str | None = None, release: str | None = None, as_of: date | None = None
    ) -> pl.DataFrame:
        """A row a claim that enough people carry, true or false: terms, status, first_seen, last_seen, voices."""
        return _frame(self._json("/v1/rumours", city=city, release=release, as_of=as_of)["data"])

    def index(self, *, city: str | None = None, release: str | None = None, as_of: date | None = None) -> pl.DataFrame:
        """A row a score (0 to 100) of the Intercultural Cities Index, by city and year. It is no measure of trust."""
        found = self._json("/v1/index", city=city, release=release, as_of=as_of)["data"]
        rows = [{**_of_index(one), **score} for one in found for score in one["scores"]]
        return _frame(rows)

    def estimates(
        self,
        *,
        indicator: Several = None,
        area: Several = None,
        geography: Several = None,
        city: str | None = None,
        period_from: date | None = None,
        period_to: date | None = None,
        as_of: date | None = None,
        release: str | None = None,
    ) -> pl.DataFrame:
        """Estimates in the row contract (docs/tables.md): each value with its error, or why it is missing.

        Without `release` or `as_of`, those of each city's newest release.
        """
        asked = _named(
            indicator=indicator,
            area=area,
            geography=geography,
            city=city,
            period_from=period_from,
            period_to=period_to,
            as_of=as_of,
            release=release,
            format="parquet",
            limit=PAGE_ROWS,
        )
        pages = [pl.read_parquet(BytesIO(answer.content)) for answer in self._pages("/v1/estimates", asked)]
        return pl.concat(pages, how="diagonal_relaxed")

    def _json(self, path: str, **asked: Any) -> dict[str, Any]:
        return dict(self._get(path, _named(**asked)).json())

    def _pages(self, path: str, asked: Asked) -> Iterator[httpx.Response]:
        answer = self._get(path, asked)
        yield answer
        while following := answer.links.get("next", {}).get("url"):
            answer = self._get(following, None)
            yield answer

    def _get(self, path: str, asked: Asked | None) -> httpx.Response:
        for _ in range(ATTEMPTS):
            answer = self._once(path, asked)
            if answer.status_code not in _BUSY:
                break
            self._sleep(_wait_s(answer))
        if answer.is_success:
            return answer
        raise _refusal(self._url, answer)

    def _once(self, path: str, asked: Asked | None) -> httpx.Response:
        try:
            return self._http.get(path, params=asked)
        except httpx.HTTPError as error:
            raise ServiceUnavailable(
                f"{self._url}: cannot be reached ({type(error).__name__}); is `barometer serve` running there?"
            ) from None


def _named(**asked: Any) -> Asked:
    """Query parameters, one a value; what is not asked is left out."""
    pairs: Asked = []
    for name, value in asked.items():
        values = [value] if isinstance(value, str | int | date) else (value or ())
        pairs += [(name, each.isoformat() if isinstance(each, date) else str(each)) for each in values]
    return pairs


def _wait_s(answer: httpx.Response) -> float:
    stated = answer.headers.get("retry-after", "")
    return min(float(stated), LONGEST_WAIT_S) if stated.isdigit() else 1.0


def _refusal(url: str, answer: httpx.Response) -> SourceFailed:
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = "no reason given"
    kind = ServiceUnavailable if answer.status_code >= 500 or answer.status_code in _BUSY else ServiceRefused
    return kind(f"{url}: {detail} (HTTP {answer.status_code})")


def _of_index(found: dict[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in ("city", "release", "year", "is_synthetic")}


def _frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    frame = pl.DataFrame(rows, infer_schema_length=None)
    days = [pl.col(name).str.to_date() for name in _DAYS if frame.schema.get(name) == pl.String]
    times = [
        pl.col(name).str.to_datetime(time_zone="UTC", time_unit="us")
        for name in ("approved_at", "issued_at")
        if frame.schema.get(name) == pl.String
    ]
    return frame.with_columns(*days, *times)
