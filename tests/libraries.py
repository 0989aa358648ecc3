"""Libraries of evidence that tests write."""

from __future__ import annotations

from pathlib import Path

from barometer.settings import PROJECT

HEADER = "id,claim,title,verdict,source,link,published\n"
LINE = "library-2026,The library will close,Is it closing?,false,A council,https://example.org/a,2026-05-01\n"
SAMPLE = PROJECT / "configs" / "cities" / "sample"


def written(folder: Path, text: str, name: str = "claims.csv") -> Path:
    """The city folder `folder` with a file of evidence."""
    (folder / "evidence").mkdir(parents=True, exist_ok=True)
    (folder / "evidence" / name).write_text(text, "utf-8")
    return folder
