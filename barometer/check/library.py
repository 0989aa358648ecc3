"""The one place that imports Great Expectations, and keeps it quiet: its import is loud under Airflow."""

from __future__ import annotations

import logging
import warnings


def _quiet() -> None:
    for name in (
        "great_expectations",
        "great_expectations.expectations.registry",
        "great_expectations._docs_decorators",
    ):
        logging.getLogger(name).setLevel(logging.ERROR)


_quiet()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import great_expectations as gx
    from great_expectations import expectations
    from great_expectations.checkpoint import UpdateDataDocsAction
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

__all__ = [
    "DataContextConfig",
    "InMemoryStoreBackendDefaults",
    "ProgressBarsConfig",
    "UpdateDataDocsAction",
    "expectations",
    "gx",
]
