"""Who approved a release, on every one of its pages: the draft's notice is replaced, nothing else changes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from markupsafe import Markup, escape

from barometer.errors import ReleaseRefused
from barometer.release.language import LOCALES, SOURCE_LANGUAGE, Language, load_language
from barometer.release.words import approved_by_in_words

_BEGIN, _END = "<!-- approval begins {language} -->", "<!-- approval ends -->"


@dataclass(frozen=True)
class Approval:
    """Who answered for a release, and when."""

    approved_by: str
    is_stand_in: bool
    approved_at: datetime


def approval_block(approval: Approval | None, language: Language) -> Markup:
    """The notice between its marks, by which it is found again."""
    begin = _BEGIN.format(language=language.code)
    return Markup(f"{begin}\n{_notice(approval, language)}\n{_END}")  # noqa: S704 (escaped below)


def _notice(approval: Approval | None, language: Language) -> str:
    if approval is None:
        words = language.say(
            "<strong>Draft.</strong> Nobody has approved this page yet. Do not quote or pass on its figures."
        )
        return f'<p class="approval is-draft">{words}</p>'
    who = approved_by_in_words(approval.approved_by, is_stand_in=approval.is_stand_in, language=language)
    values = {"who": str(escape(who)), "moment": language.moment(approval.approved_at)}
    if approval.is_stand_in:
        words = language.say("<strong>Approved by %(who)s</strong> on %(moment)s, for demonstration only.", **values)
        return f'<p class="approval is-stand-in">{words}</p>'
    words = language.say("Approved for publication by <strong>%(who)s</strong> on %(moment)s.", **values)
    return f'<p class="approval">{words}</p>'


def approve_pages(folder: Path, approval: Approval) -> None:
    """Write the approval into every page below `folder`. Raises `ReleaseRefused` naming a page that has no place."""
    for path in sorted(folder.rglob("*.html")):
        name = path.relative_to(folder).as_posix()
        path.write_text(with_approval(path.read_text("utf-8"), approval, name=name), "utf-8")


def with_approval(page: str, approval: Approval, *, name: str = "index.html") -> str:
    """The page with the draft's notice replaced by who approved it. Raises `ReleaseRefused` if it has no such place."""
    for code in (SOURCE_LANGUAGE, *(path.name for path in LOCALES.iterdir() if path.is_dir())):
        before, begin, rest = page.partition(_BEGIN.format(language=code))
        _, end, after = rest.partition(_END)
        if begin and end and begin not in after:
            # Only sentences of the site are said here, so the configured ones need not be known.
            return f"{before}{approval_block(approval, load_language(code, LOCALES))}{after}"
    raise ReleaseRefused(f"{name}: has no place for the approval; draft the release again")
