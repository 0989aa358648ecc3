"""Which neighbourhood a post is about or from, how sure that is, and what says so.

Evidence, strongest first; the first kind that names one neighbourhood decides:

1. a point, code or postcode, placed at the door (`received_posts.area`);
2. the text: the city's names, aliases, nicknames and known misspellings (a spaCy PhraseMatcher, longest match, any
   case, with or without accents, as words or hashtags);
3. the place the platform attached;
4. the place the author's profile declares (where an account says it lives, not what a post is about).

Two different neighbourhoods in one text, or a name that several share and nothing else settles, leave the post unplaced
as "ambiguous": a weaker kind of evidence is then not asked, since the text itself says more than one thing.
Not taken for a neighbourhood: the city's own name; a place's name behind a masked personal name ("[name] Thornton"), or
in front of a comma and another county or country ("Shipley, Derbyshire"); everyday words that are names too ("idle") in
lower case. A road called after a neighbourhood ("Thornton Road") runs in it or leads to it: it counts for less, and for
nothing beside a plain mention; a road that is itself in the gazetteer counts as a landmark. Streets and landmarks share
their names with others, so where they contradict the one locality that is named ("Bolton Road, Silsden") it decides.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl
import spacy
from spacy.language import Language
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from barometer.city import City
from barometer.prepare.masks import NAME_MASK
from barometer.prepare.words import words

AMBIGUOUS = "ambiguous"
NONE = "none"

# How often evidence of a kind names the right neighbourhood. Points, codes and postcodes: only rounding and look-ups
# can err. Text: measured on the sample city's written posts (tests/prepare/test_places.py). Platform and profile:
# judgement, after Hecht et al. 2011 ("Tweets from Justin Bieber's heart"), a third of declared places unusable.
CONFIDENCE = {"point": 0.99, "code": 0.97, "postcode": 0.9, "text": 0.9, "platform": 0.7, "profile": 0.5}
_CONFIDENCE_OF_ROAD = 0.6
_CONFIDENCE_WHEN_CONTRADICTED = 0.7
_LANDMARK = "landmark"
# A nickname or misspelling is a guess about what was meant.
_CONFIDENCE_OF_ALIAS = {"nickname": 0.8, "misspelling": 0.8}

_WORD_PARTS_OF_HASHTAG = re.compile(r"(?<=[a-zß-ÿ])(?=[A-ZÀ-Þ])|_")
_HASHTAG = re.compile(r"#(\w+)")
_SPACE_OR_HYPHEN = re.compile(r"[\s\-‐‑–]+")
_BLANK_MODEL = "xx"


@dataclass(frozen=True)
class Place:
    """Where a post is: `area` is None when unplaced, and `evidence` then says ambiguous or none."""

    area: str | None
    confidence: float | None
    evidence: str


UNPLACED = Place(None, None, NONE)
UNDECIDED = Place(None, None, AMBIGUOUS)


@dataclass(frozen=True)
class Meaning:
    """What one name may mean: its areas and how sure a mention of it is."""

    areas: frozenset[str]
    confidence: float
    is_landmark: bool = True


class Gazetteer:
    """Names of a city's neighbourhoods, ready to be found in text."""

    def __init__(self, city: City) -> None:
        self._city_names = {_folded(city.name)}
        self._meanings = _meanings(city)

    @cached_property
    def _language(self) -> Language:
        return spacy.blank(_BLANK_MODEL)

    @cached_property
    def _matcher(self) -> PhraseMatcher:
        matcher = PhraseMatcher(self._language.vocab, attr="LOWER")
        matcher.add("place", [self._language.make_doc(name) for name in sorted(self._meanings)])
        return matcher

    def place_in_texts(self, texts: Sequence[str], *, kind: str) -> list[Place]:
        """The neighbourhood each text names; `kind` (text, platform or profile)  caps the confidence."""
        documents = self._language.pipe([_readable(text) for text in texts])
        return [self._place(document, kind) for document in documents]

    def _place(self, document: Doc, kind: str) -> Place:
        mentions = self._mentions(document)
        if not mentions:
            return UNPLACED
        plain = [span for span in mentions if not _is_road(span)]
        most = CONFIDENCE[kind] if plain else min(_CONFIDENCE_OF_ROAD, CONFIDENCE[kind])
        meanings = [self._meanings[_key(span)] for span in plain or mentions]
        localities = [meaning for meaning in meanings if not meaning.is_landmark]
        return (
            _agreed(meanings, kind, most)
            or _agreed(localities, kind, min(most, _CONFIDENCE_WHEN_CONTRADICTED))
            or UNDECIDED
        )

    def _mentions(self, document: Doc) -> list[Span]:
        """Longest matches that stand for a neighbourhood here."""
        found = filter_spans([document[start:end] for _, start, end in self._matcher(document)])
        return [span for span in found if _key(span) not in self._city_names and not _means_something_else(span)]


def place_posts(city: City, posts: pl.DataFrame) -> pl.DataFrame:
    """Area, confidence and evidence of each post: frame [area, area_confidence, area_evidence], one row a post.

    `posts` has area, area_evidence (what the door placed), text, platform_place and profile_place. What is at least
    as sure as the city's `thresholds.place_confidence` places the post; anything below leaves it unplaced.
    """
    gazetteer = Gazetteer(city)
    at_door = [_at_door(area, kind) for area, kind in posts.select("area", "area_evidence").iter_rows()]
    by_kind = [at_door] + [
        gazetteer.place_in_texts(posts[column].fill_null("").to_list(), kind=kind)
        for column, kind in (("text", "text"), ("platform_place", "platform"), ("profile_place", "profile"))
    ]
    least = city.thresholds.place_confidence
    rows = [_strongest(found, least) for found in zip(*by_kind, strict=True)]
    return pl.DataFrame(
        [(place.area, place.confidence, place.evidence) for place in rows],
        schema={"area": pl.String, "area_confidence": pl.Float64, "area_evidence": pl.String},
        orient="row",
    )


def _agreed(meanings: Sequence[Meaning], kind: str, most: float) -> Place | None:
    """The one neighbourhood that all of these may mean, with at `most` so much confidence; None when there is none."""
    shared = frozenset.intersection(*(meaning.areas for meaning in meanings)) if meanings else frozenset()
    if len(shared) != 1:
        return None
    return Place(next(iter(shared)), min(most, max(meaning.confidence for meaning in meanings)), kind)


def _at_door(area: str | None, kind: str | None) -> Place:
    if area is None:
        return UNPLACED
    evidence = kind or "code"
    return Place(area, CONFIDENCE[evidence], evidence)


def _strongest(found: Iterable[Place], least: float) -> Place:
    """The first kind of evidence that says anything; nothing weaker is asked once a kind is ambiguous."""
    for place in found:
        if place.evidence == AMBIGUOUS:
            return UNDECIDED
        if place.confidence is not None and place.confidence >= least:
            return place
    return UNPLACED


def _meanings(city: City) -> dict[str, Meaning]:
    """Folded name -> what it means. Names of several words are also found written as one ("Holmewood")."""
    meanings: dict[str, Meaning] = {}
    own = city.neighbourhoods.select(pl.col("name").alias("alias"), "area", pl.lit("name").alias("kind"))
    for alias, area, kind in pl.concat([own, city.aliases.select("alias", "area", "kind")]).iter_rows():
        confidence = _CONFIDENCE_OF_ALIAS.get(kind, CONFIDENCE["text"])
        for spelling in _spellings(alias):
            known = meanings.get(spelling, Meaning(frozenset(), 0.0))
            is_landmark = known.is_landmark and kind == _LANDMARK
            meanings[spelling] = Meaning(known.areas | {area}, max(known.confidence, confidence), is_landmark)
    return meanings


def _spellings(alias: str) -> set[str]:
    folded = _folded(alias)
    variants = {folded, folded.replace("&", "and"), folded.replace("'", "")}
    joined = {variant.replace(" ", "") for variant in variants if variant.replace(" ", "").isalpha()}
    return variants | joined


def _folded(text: str) -> str:
    """Lower case, without accents, hyphens as spaces, one kind of apostrophe."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return _SPACE_OR_HYPHEN.sub(" ", plain.replace("’", "'")).casefold().strip()


def _readable(text: str) -> str:
    """Text as the matcher reads it: accents folded, case kept, "#LowMoor" as "Low Moor", hyphens as spaces."""
    spread = _HASHTAG.sub(lambda match: f"# {_WORD_PARTS_OF_HASHTAG.sub(' ', match[1])}", text)
    if not spread.isascii():
        spread = "".join(c for c in unicodedata.normalize("NFKD", spread) if not unicodedata.combining(c))
    return _SPACE_OR_HYPHEN.sub(" ", spread.replace("’", "'"))


def _key(span: Span) -> str:
    return span.text.lower()


def _means_something_else(span: Span) -> bool:
    """The name is part of a person's name, another county's, or just a word."""
    return _is_surname(span) or _is_elsewhere(span) or _is_just_a_word(span)


def _is_surname(span: Span) -> bool:
    return span.doc.text[: span.start_char].rstrip().endswith(NAME_MASK)


def _is_road(span: Span) -> bool:
    """What stands behind the name makes it a road's."""
    if span.end == len(span.doc) or span.doc[span.end].lower_ not in words("roads"):
        return False
    after = span.doc[span.end]
    return after.text[0].isupper() or after.lower_ not in words("roads_that_are_words")


def _is_elsewhere(span: Span) -> bool:
    after = span.doc[span.end : span.end + 2]
    return len(after) == 2 and after[0].text in {",", "("} and after[1].lower_ in words("elsewhere")


def _is_just_a_word(span: Span) -> bool:
    if len(span) > 1 or span.text.lower() not in words("neighbourhoods_that_are_words") or span.text[0].isupper():
        return False
    before = span.doc[span.start - 1].lower_ if span.start else ""
    return before != "#" and before not in words("where")
