"""How a service is asked whether posts are still there; a connector of such a service has one of these two ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from barometer.ingest.live.connector import Call, Cursor
from barometer.ingest.source import RemovalReason


@dataclass(frozen=True)
class Gone:
    """A post that must go, by the id its platform knows it by."""

    id: str
    reason: RemovalReason


@dataclass(frozen=True)
class Answered:
    """What a slow service has found so far, and the bookmark by which it is asked for the rest."""

    gone: tuple[Gone, ...]
    bookmark: Cursor
    is_asked: bool = True
    """Whether the ids it was given were taken up; not while it is still at those of an earlier night."""


@runtime_checkable
class Lookup(Protocol):
    """Gives back what is still there, as records that the connector's parser reads. What is not given back is gone."""

    @property
    def platform(self) -> str:
        """Platform of the posts it knows."""
        ...

    @property
    def look_up_size(self) -> int:
        """Most ids in one request."""
        ...

    @property
    def look_ups_a_night(self) -> int:
        """Most requests of one re-check."""
        ...

    def look_up(self, call: Call, ids: Sequence[str]) -> Sequence[bytes]:
        """Records of those of `ids` that are there. Raises `SourceFailed`."""
        ...

    def name_of(self, record: bytes) -> str:
        """The id by which such a record was asked for."""
        ...

    def alias(self, call: Call, platform_id: str) -> str:
        """Another id by which the service's removals may name the post; empty where there is none."""
        ...


@runtime_checkable
class SlowLookup(Protocol):
    """Says which are gone, perhaps on a later night; its bookmark is empty when nothing is under way."""

    @property
    def platform(self) -> str:
        """Platform of the posts it knows."""
        ...

    @property
    def look_up_size(self) -> int:
        """Most ids of one job."""
        ...

    @property
    def look_ups_a_night(self) -> int:
        """Most jobs of one re-check."""
        ...

    def find_gone(self, call: Call, ids: Sequence[str], bookmark: Cursor) -> Answered:
        """What is gone of `ids`, or of those it was asked for before. Raises `SourceFailed`."""
        ...


AnyLookup: TypeAlias = Lookup | SlowLookup
