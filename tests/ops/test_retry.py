import errno

import polars as pl
import pytest
from deltalake.exceptions import CommitFailedError, DeltaError

from barometer import errors
from barometer.ops.retry import is_curable, is_left_out


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "the disk did not answer"),
        ConnectionResetError("the store went away"),
        TimeoutError("slow"),
        errors.ServiceUnavailable("answered 503"),
        MemoryError(),
        CommitFailedError("another writer came first"),
        DeltaError("the store failed"),
        pl.exceptions.ComputeError("the store failed"),
    ],
)
def test_what_time_can_cure_is_tried_again(error: BaseException) -> None:
    assert is_curable(error)


@pytest.mark.parametrize(
    "error",
    [
        errors.BadConfiguration("thresholds.yaml"),
        errors.BadInput("answers.csv"),
        errors.LedgerUnbalanced("ingest"),
        errors.CheckFailed("labels"),
        errors.NotPermitted("answered 401"),
        errors.ServiceRefused("answered 404"),
        errors.ReleaseRefused("small cell"),
        errors.SchemaMismatch("posts"),
        FileNotFoundError("models/linear"),
        PermissionError("keys"),
        KeyError("a fault in the code"),
        TypeError("a fault in the code"),
    ],
)
def test_what_only_somebody_can_cure_is_not(error: BaseException) -> None:
    assert not is_curable(error)


def test_every_error_meant_for_a_person_waits_for_that_person() -> None:
    family = errors.BarometerError.__subclasses__()
    assert family
    assert not any(is_curable(kind.__new__(kind)) for kind in family)


@pytest.mark.parametrize(
    ("error", "try_number", "is_left"),
    [
        (errors.ServiceUnavailable("answered 503"), 1, False),
        (errors.ServiceUnavailable("answered 503"), 4, True),
        (errors.NotPermitted("answered 401"), 1, True),
        (errors.ServiceRefused("answered 404"), 1, True),
        (errors.BadInput("a file is gone"), 1, True),
        (errors.BadConfiguration("an unknown format"), 1, True),
        (errors.LedgerUnbalanced("records were lost"), 4, False),
        (errors.SchemaMismatch("posts"), 4, False),
        (KeyError("a fault in the code"), 4, False),
        (OSError("the disk did not answer"), 4, False),
    ],
)
def test_the_night_goes_on_without_a_source_that_nothing_cures(
    error: BaseException, try_number: int, is_left: bool
) -> None:
    assert is_left_out(error, try_number=try_number, most_tries=4) is is_left
