"""What can go wrong that a person can mend: each error is one line that says what, where and what to do."""

from __future__ import annotations


class BarometerError(Exception):
    """Base of every error whose message is meant for a person; callers print it without a traceback."""


class BadInput(BarometerError):
    """A file or record from outside cannot be used as a whole (rows go to quarantine instead)."""


class BadConfiguration(BarometerError):
    """A city folder, indicator file or setting is wrong; the message lists every mistake found."""


class SchemaMismatch(BarometerError):
    """A frame does not match its table's declared schema; the message names the column."""


class LedgerUnbalanced(BarometerError):
    """A step's counts do not add up: records were lost or doubled."""


class CheckFailed(BarometerError):
    """A critical data rule failed; the run must stop before release."""


class ReleaseRefused(BarometerError):
    """A release would be unsafe or is not approved."""


class SourceFailed(BarometerError):
    """A live service did not give what was asked of it. The message names source, service and what to do; no secret.

    `status` is what the service answered (see table `fetches`), `code` its own name of the error, where it gave one.
    """

    def __init__(self, message: str, *, status: str = "", code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class ServiceUnavailable(SourceFailed):
    """It cannot be reached, is overloaded or breaks off: a later try may succeed."""


class NotPermitted(SourceFailed):
    """It knows us not, or forbids it (401, 403, an address that may not be asked): only a person can mend that."""


class ServiceRefused(SourceFailed):
    """It does not understand or no longer has what is asked for (400, 404, 410, an answer of another form)."""
