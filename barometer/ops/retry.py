"""What trying again can cure (a busy disk, network or table), and what not (bad input or settings, a fault in code)."""

from __future__ import annotations

from barometer.errors import BadConfiguration, BadInput, BarometerError, ServiceUnavailable, SourceFailed

# Told by name, so that asking does not import the libraries that define them.
_PASSING = frozenset({"DeltaError", "CommitFailedError", "ComputeError"})
_LASTING = (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError)


ONE_SOURCE: tuple[type[BarometerError], ...] = (SourceFailed, BadInput, BadConfiguration)
"""What goes wrong with one source and is no reason to stop the night of the others."""


def is_curable(error: BaseException) -> bool:
    """Whether the same call may succeed a little later with nobody doing anything.

    `CommitFailedError` and `DeltaError` (deltalake) are lost races between writers and failing stores, `ComputeError`
    (polars) a failed read of such a store.
    """
    if isinstance(error, ServiceUnavailable):
        return True
    if isinstance(error, (BarometerError, *_LASTING)):
        return False
    names = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, (OSError, MemoryError)) or bool(names & _PASSING)


def is_left_out(error: BaseException, *, try_number: int, most_tries: int) -> bool:
    """Whether the night goes on without the source that failed so: nothing cures it, or its tries are used up."""
    return isinstance(error, ONE_SOURCE) and (not is_curable(error) or try_number >= most_tries)
