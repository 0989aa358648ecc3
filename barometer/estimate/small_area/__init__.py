"""Area-level models that lend a small area strength from its neighbours, its past and its covariates."""

from barometer.estimate.small_area.bootstrap import bootstrap_mse
from barometer.estimate.small_area.covariates import choose_covariates, principal_components
from barometer.estimate.small_area.errors import CannotEstimate
from barometer.estimate.small_area.fay_herriot import fay_herriot
from barometer.estimate.small_area.hierarchical import hierarchical_fay_herriot
from barometer.estimate.small_area.measurement_error import measurement_error_fay_herriot
from barometer.estimate.small_area.models import Method, fit_model
from barometer.estimate.small_area.proximity import row_standardise
from barometer.estimate.small_area.results import (
    MeasurementErrorFit,
    SmallAreaFit,
    SpatialFit,
    SpatioTemporalFit,
    interval,
)
from barometer.estimate.small_area.shares import SharesFit, fit_shares
from barometer.estimate.small_area.spatial import spatial_fay_herriot
from barometer.estimate.small_area.spatiotemporal import spatiotemporal_fay_herriot

__all__ = [
    "CannotEstimate",
    "MeasurementErrorFit",
    "Method",
    "SharesFit",
    "SmallAreaFit",
    "SpatialFit",
    "SpatioTemporalFit",
    "bootstrap_mse",
    "choose_covariates",
    "fay_herriot",
    "fit_model",
    "fit_shares",
    "hierarchical_fay_herriot",
    "interval",
    "measurement_error_fay_herriot",
    "principal_components",
    "row_standardise",
    "spatial_fay_herriot",
    "spatiotemporal_fay_herriot",
]
