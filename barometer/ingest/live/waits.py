"""How long a service asks us to wait: `Retry-After` and the several forms of rate-limit headers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Below this a number is a span of seconds, above it a time since 1970 (both are in use under the same name).
_FIRST_EPOCH_SECONDS = 100_000_000
# IETF draft-ietf-httpapi-ratelimit-headers, Bluesky and LimeSurvey's proxies (no x), Mastodon and Reddit (with x).
_PREFIXES = ("x-ratelimit", "ratelimit", "x-rate-limit")


def asked_wait(headers: Mapping[str, str], now: float) -> float:
    """Seconds a refusal (429, 503) asks us to wait; 0 where it does not say. `now` is seconds since 1970.

    RFC 9110 10.2.3: `Retry-After` is a number of seconds or a date.
    """
    if "retry-after" in headers:
        return seconds_until(headers["retry-after"], now)
    return window_wait(headers, now) or max(
        (seconds_until(headers[f"{prefix}-reset"], now) for prefix in _PREFIXES if f"{prefix}-reset" in headers),
        default=0.0,
    )


def window_wait(headers: Mapping[str, str], now: float) -> float:
    """Seconds until the present window ends, if any answer's headers say that nothing remains of it; else 0."""
    ends = (
        seconds_until(headers[f"{prefix}-reset"], now)
        for prefix in _PREFIXES
        if f"{prefix}-reset" in headers and _is_used_up(headers.get(f"{prefix}-remaining", ""))
    )
    return max(ends, default=0.0)


def seconds_until(text: str, now: float) -> float:
    """Seconds from `now` until what a header says: a span, a time since 1970, an HTTP date or an ISO 8601 one."""
    text = text.strip()
    try:
        number = float(text)
    except ValueError:
        number = _as_time(text, now)
        return max(0.0, number - now)
    if not 0 <= number < float("inf"):
        return 0.0
    return max(0.0, number - now) if number >= _FIRST_EPOCH_SECONDS else number


def _as_time(text: str, now: float) -> float:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
        except (ValueError, TypeError, OverflowError):
            continue
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    return now


def _is_used_up(remaining: str) -> bool:
    try:
        return float(remaining) < 1
    except ValueError:
        return False
