"""Answers with the headers that let them be kept, and links from page to page."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Request, Response

# A named release never changes; what is newest may change every night, and is asked for again within a minute.
FOR_EVER = "public, max-age=31536000, immutable"
SHORTLY = "public, max-age=60"

LICENCE = "https://creativecommons.org/licenses/by/4.0/"


def answer(body: bytes, media_type: str, *, never_changes: bool = False, link: str = "") -> Response:
    """Bytes with their type and how long they may be kept."""
    headers = {"cache-control": FOR_EVER if never_changes else SHORTLY}
    if link:
        headers["link"] = link
    # Starlette would add a charset to any text; the types here say their own.
    return Response(body, headers={**headers, "content-type": media_type})


def json_answer(content: Any, *, never_changes: bool = False, media_type: str = "application/json") -> Response:
    """An object as JSON."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return answer(body, media_type, never_changes=never_changes)


def page_address(request: Request, offset: int) -> str:
    """The address of the same question from another row on, without scheme and host: those are the reader's affair."""
    asked = [(name, value) for name, value in parse_qsl(request.url.query, keep_blank_values=True) if name != "offset"]
    return f"{request.url.path}?{urlencode([*asked, ('offset', str(offset))])}"


def next_address(request: Request, *, offset: int, limit: int, total: int) -> str | None:
    """The address of the next page; none on the last."""
    return page_address(request, offset + limit) if offset + limit < total else None
