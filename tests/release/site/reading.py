"""Pages as a reader's program sees them."""

from __future__ import annotations

import html.parser
from pathlib import Path
from urllib.parse import unquote, urlsplit

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
# Their end tags may be left out (HTML living standard, optional tags), or they end themselves, as SVG shapes do.
OPEN_ENDED = {"option", "tr", "td", "th", "rect", "path", "circle", "polyline"}


class Page(html.parser.HTMLParser):
    """Start tags with their attributes, text outside scripts, and every end tag that ends nothing."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.stray: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID | OPEN_ENDED:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID | OPEN_ENDED:
            return
        if not self._open or self._open.pop() != tag:
            self.stray.append(tag)

    def handle_data(self, data: str) -> None:
        if not self._open or self._open[-1] not in ("script", "style"):
            self.words.append(data)

    @property
    def unclosed(self) -> list[str]:
        """Tags that were never ended."""
        return list(self._open)

    @property
    def text(self) -> str:
        """All words, with single spaces."""
        return " ".join(" ".join(self.words).split())

    @property
    def ids(self) -> list[str]:
        """Every id, in order."""
        return [str(attrs["id"]) for _, attrs in self.tags if "id" in attrs]

    def addresses(self, *tags: str) -> list[str]:
        """What `tags` point at (href and src)."""
        found = (attrs.get("href") or attrs.get("src") for tag, attrs in self.tags if tag in tags)
        return [address for address in found if address]


def target(page: Path, address: str) -> tuple[Path, str]:
    """The file a relative address leads to, and the fragment in it."""
    parts = urlsplit(address)
    return (page.parent / unquote(parts.path)).resolve() if parts.path else page.resolve(), unquote(parts.fragment)


def is_outside(address: str) -> bool:
    """It leads to another host, or to any scheme but data."""
    parts = urlsplit(address)
    return bool(parts.netloc) or parts.scheme not in ("", "data")
