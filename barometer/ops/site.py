"""The release site on this machine: the folder of releases, and the drafts that wait for an answer, as plain files."""

from __future__ import annotations

import html
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Pages(SimpleHTTPRequestHandler):
    """Files only, without a line on the console for each."""

    def log_message(self, format: str, *args: object) -> None:
        return


def newest_release(releases: Path, city_id: str = "*") -> Path | None:
    """Folder of the release published last (`<city>/<date>-<n>/`), or None where there is none."""
    pages = [page.parent for page in releases.glob(f"{city_id}/*/index.html")]
    return max(pages, key=_order, default=None)


def _order(release: Path) -> tuple[str, int]:
    date, _, number = release.name.rpartition("-")
    return date, int(number) if number.isdigit() else 0


def write_front_page(releases: Path) -> Path:
    """A page that links every city's releases, newest first; rewritten whenever the site is started."""
    releases.mkdir(parents=True, exist_ok=True)
    found = sorted((page.parent for page in releases.glob("*/*/index.html")), key=_order, reverse=True)
    links = "".join(f"<li>{_link(releases, release)}</li>" for release in found)
    body = f"<ul>{links}</ul>" if found else "<p>Nothing has been released yet.</p>"
    page = releases / "index.html"
    page.write_text(_PAGE.format(body=body), encoding="utf-8")
    return page


def _link(releases: Path, release: Path) -> str:
    address = html.escape(release.relative_to(releases).as_posix())
    return f'<a href="{address}/index.html">{address}</a>'


_PAGE = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    "<title>Social Trust Barometer: releases</title><body style='font: 1rem/1.6 system-ui; margin: 2rem'>"
    "<h1>Releases</h1>{body}</body></html>"
)


@contextmanager
def serving(folder: Path, port: int = 0) -> Iterator[str]:
    """Serve a folder on 127.0.0.1 for as long as the block lasts; gives the address."""
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadingHTTPServer(("127.0.0.1", port), partial(_Pages, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
