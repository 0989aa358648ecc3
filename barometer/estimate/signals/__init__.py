"""Trust between waves: signals that beat the survey carried forward lead it on, the others count nothing."""

from barometer.estimate.signals.back_tests import SKILL_SCHEMA, back_test
from barometer.estimate.signals.nowcasts import NOWCAST_SCHEMA, nowcast
from barometer.estimate.signals.scale import Scale

__all__ = ["NOWCAST_SCHEMA", "SKILL_SCHEMA", "Scale", "back_test", "nowcast"]
