"""The list of a city's releases: one page above them all."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from markupsafe import Markup

from barometer.release.history import Release
from barometer.release.language import ENGLISH, Language
from barometer.release.site.view import environment
from barometer.release.words import approved_by_in_words


def render_releases(
    city_name: str, is_synthetic: bool, releases: Sequence[Release], language: Language = ENGLISH
) -> str:
    """The list, newest first, as one file."""
    entries = [(release, _approver(release, language)) for release in reversed(releases)]
    template = environment(language).get_template("releases.html.j2")
    return template.render(
        city_name=city_name, is_synthetic=is_synthetic, entries=entries, style=_style(), language=language
    )


def _approver(release: Release, language: Language) -> str:
    approval = release.manifest["approval"]
    return approved_by_in_words(approval["approved_by"], is_stand_in=approval["is_stand_in"], language=language)


@cache
def _style() -> Markup:
    return Markup((Path(__file__).parent / "assets" / "style.css").read_text("utf-8"))  # noqa: S704 (our own file)
