"""The forms an answer comes in: which one is wanted, and rows as its bytes."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from barometer.serve.problems import Problem
from barometer.spreadsheet import UTC_FORMAT, to_csv

MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "geojson": "application/geo+json",
}

Boundaries = Mapping[tuple[str, str, str], dict[str, Any]]


def negotiate(wanted: str | None, accept: str) -> str:
    """The form to answer in: `wanted` if named, else the best that the Accept header allows (RFC 9110, 12.5.1).

    Raises `Problem` 406 where it allows none.
    """
    if wanted:
        return wanted
    ranges = _ranges(accept)
    graded = {form: _quality(media.partition(";")[0], ranges) for form, media in MEDIA_TYPES.items()}
    best = max(graded, key=lambda form: graded[form])
    if graded[best] <= 0:
        raise Problem(406, f"this can be had as {', '.join(MEDIA_TYPES)}; name one with format=, or accept one")
    return best


def _ranges(accept: str) -> dict[str, float]:
    """Media range -> quality; everything where nothing is said."""
    return {part.partition(";")[0].strip().lower(): _weight(part) for part in accept.split(",") if part.strip()} or {
        "*/*": 1.0
    }


def _weight(part: str) -> float:
    for parameter in part.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def _quality(media: str, ranges: Mapping[str, float]) -> float:
    """Of the most specific range that covers it."""
    kind = media.partition("/")[0]
    return next((ranges[r] for r in (media, f"{kind}/*", "*/*") if r in ranges), 0.0)


def json_rows(frame: pl.DataFrame) -> bytes:
    """A JSON array of objects; days and times (UTC) as ISO 8601."""
    times = frame.with_columns(pl.col(pl.Datetime).dt.strftime(UTC_FORMAT))
    return times.write_json().encode()


def json_page(frame: pl.DataFrame, about: Mapping[str, Any]) -> bytes:
    """A JSON object: what `about` says, and the rows as `data`."""
    return b'%b,"data":%b}' % (json.dumps(about, ensure_ascii=False).encode()[:-1], json_rows(frame))


def csv_page(frame: pl.DataFrame) -> bytes:
    """CSV in UTF-8; text that would begin like a formula has a `'` before it."""
    return to_csv(frame).encode()


def parquet_page(frame: pl.DataFrame) -> bytes:
    """Parquet, compressed with zstd."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    return buffer.getvalue()


def geojson_page(frame: pl.DataFrame, about: Mapping[str, Any], boundaries: Boundaries) -> bytes:
    """A feature a row, with the boundary (WGS84) of its area; none for the whole city."""
    features = [_feature(row, boundaries) for row in json.loads(json_rows(frame))]
    content = {"type": "FeatureCollection", **about, "features": features}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _feature(row: dict[str, Any], boundaries: Boundaries) -> dict[str, Any]:
    geometry = boundaries.get((row["city"], row["geography"], row["area"]))
    return {"type": "Feature", "geometry": geometry, "properties": row}


def encoded(form: str, frame: pl.DataFrame, about: Mapping[str, Any], boundaries: Sequence[Boundaries] = ()) -> bytes:
    """The rows in one of the forms of `MEDIA_TYPES`."""
    if form == "csv":
        return csv_page(frame)
    if form == "parquet":
        return parquet_page(frame)
    if form == "geojson":
        return geojson_page(frame, about, {key: shape for part in boundaries for key, shape in part.items()})
    return json_page(frame, about)
