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
