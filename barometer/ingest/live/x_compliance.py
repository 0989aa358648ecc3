"""X: which posts of an archive the city already holds are gone, by batch compliance jobs.

Only ids are shared, and only to have them checked: a job is made, the ids are uploaded, X works through them, and the
result lists those that must go (https://docs.x.com/x-api/compliance/batch-compliance/introduction). A job may take
longer than we wait; the bookmark keeps its number, and the next re-check fetches its result. Nothing is read from X.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import sleep
from urllib.parse import urlsplit

import msgspec
from pydantic import Field

from barometer.errors import ServiceRefused
from barometer.ingest.live.connector import Call, Cursor, Options, Page, Secret
from barometer.ingest.live.lookups import Answered, Gone
from barometer.ingest.live.several import bearer, decoded
from barometer.ingest.source import RemovalReason

API = "https://api.x.com/2"
MOST_IDS = 500_000
"""Of ids that may be shared in 30 days (1.5 million) a nightly job takes a part: X's developer policy."""
_ACCOUNT_REASONS = frozenset({"deactivated", "suspended", "protected"})
_AT_WORK = ("created", "in_progress")


class XComplianceOptions(Options):
    """How long to wait for a job."""

    wait_minutes: float = Field(default=20, ge=0, description="minutes to wait for a job's result in one night")
    poll_seconds: float = Field(default=30, ge=0, description="seconds between two looks at a job")


class _Job(msgspec.Struct):
    id: str
    status: str
    upload_url: str = ""
    download_url: str = ""


class _Named(msgspec.Struct):
    data: _Job


class _Result(msgspec.Struct):
    id: str
    reason: str = "deleted"
    action: str = "delete"
    redacted_at: datetime | None = None


@dataclass(frozen=True)
class XCompliance:
    """Looks up posts of X for `recheck.py`; brings no posts itself."""

    service: str = "x_compliance"
    title: str = "X (compliance of held archives)"
    signals: tuple[str, ...] = ("posts",)
    format: str = "twitter_v1"
    options: type[Options] = XComplianceOptions
    secrets: tuple[Secret, ...] = (
        Secret("token", "the bearer token of an approved app: developer.x.com, Projects, Keys and tokens"),
    )
    requests_per_second: float = 150 / (15 * 60)
    terms: str = (
        "Posts that were deleted, or whose accounts are gone or protected, are deleted within 24 hours; only ids are "
        "shared (https://docs.x.com/developer-terms/policy)."
    )
    api: str = API
    platform: str = "twitter"
    look_up_size: int = MOST_IDS
    look_ups_a_night: int = 1

    def pages(self, call: Call, cursor: Cursor | None) -> Iterator[Page]:
        """Raises `ServiceRefused`: an archive is read from files; this service only says what of it must go."""
        raise ServiceRefused(
            "x_compliance brings no posts: give the archive's source kind files and recheck x_compliance"
        )

    def probe(self, call: Call) -> str:
        """Ask for the list of our jobs."""
        call.web.get(f"{self.api}/compliance/jobs", params={"type": "tweets"}, headers=_headers(call))
        return "X answers, and the app may ask for compliance jobs"

    def find_gone(self, call: Call, ids: Sequence[str], bookmark: Cursor) -> Answered:
        """What of the archive is gone: the result of the job under way, else of a new one for `ids`.

        See `lookups.SlowLookup`.
        """
        waiting = self._waiting(call, bookmark)
        if waiting is None and not ids:
            return Answered((), {})
        job = self._worked(call, waiting or self._begun(call, ids))
        if job.status in _AT_WORK:
            return Answered((), {"job": job.id}, is_asked=waiting is None)
        if job.status != "complete":
            raise ServiceRefused(f"X's compliance job ended as {job.status!r}: it is made anew at the next re-check")
        return Answered(tuple(_results(call, job)), {}, is_asked=waiting is None)

    def _waiting(self, call: Call, bookmark: Cursor) -> _Job | None:
        """The job that an earlier re-check began, unless nothing will come of it any more."""
        if not bookmark.get("job"):
            return None
        try:
            job = self._job(call, str(bookmark["job"]))
        except ServiceRefused as refusal:
            if refusal.status not in ("404", "410"):
                raise
            return None
        return job if job.status in (*_AT_WORK, "complete") else None

    def _begun(self, call: Call, ids: Sequence[str]) -> _Job:
        answer = call.web.post(
            f"{self.api}/compliance/jobs", json={"type": "tweets"}, headers=_headers(call), is_repeatable=False
        )
        job = decoded(answer, _Named, "a compliance job").data
        content = "\n".join(ids).encode() + b"\n"
        call.web.put(job.upload_url, content=content, headers={"Content-Type": "text/plain", **self._own(call, job)})
        return job

    def _own(self, call: Call, job: _Job) -> dict[str, str]:
        """Signed addresses of a storage service need no token, and must not get ours."""
        is_own = urlsplit(job.upload_url).netloc == urlsplit(self.api).netloc
        return _headers(call) if is_own else {}

    def _job(self, call: Call, job_id: str) -> _Job:
        answer = call.web.get(f"{self.api}/compliance/jobs/{job_id}", headers=_headers(call))
        return decoded(answer, _Named, "a compliance job").data

    def _worked(self, call: Call, job: _Job) -> _Job:
        """The job after we waited for it."""
        options: XComplianceOptions = call.options
        looks = int(60 * options.wait_minutes / max(options.poll_seconds, 1)) + 1
        for look in range(looks):
            job = self._job(call, job.id)
            if job.status not in _AT_WORK:
                break
            if look + 1 < looks:
                sleep(options.poll_seconds)
        return job


def _headers(call: Call) -> dict[str, str]:
    return bearer(call.secrets["token"])


def _results(call: Call, job: _Job) -> Iterator[Gone]:
    answer = call.web.get(job.download_url)
    for line in answer.body.splitlines():
        if not line.strip():
            continue
        try:
            result = msgspec.json.decode(line, type=_Result)
        except msgspec.MsgspecError:
            raise ServiceRefused("X's compliance result has a line that is no result: nothing was removed") from None
        if result.action == "delete":
            yield Gone(result.id, _reason(result.reason))


def _reason(stated: str) -> RemovalReason:
    return "account_deleted" if stated in _ACCOUNT_REASONS else "deleted"


CONNECTOR = XCompliance()
