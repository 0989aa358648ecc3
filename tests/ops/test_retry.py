import errno

import polars as pl
import pytest
from deltalake.exceptions import CommitFailedError, DeltaError

from barometer import errors
from barometer.ops.retry import is_curable


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EIO, "the disk did not answer"),
        ConnectionResetError("the store went away"),
        TimeoutError("slow"),
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
    assert not any(is_curable(kind("…")) for kind in family)
