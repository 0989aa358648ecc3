"""Composite indices: screen, impute, treat, normalise, weight, aggregate; uncertainty always runs with them.

The steps are those of the OECD/JRC handbook (Nardo et al. 2008, Handbook on Constructing Composite Indicators), one
module a step. The separate indicators stay first: a composite stands beside them, never for them.
"""

from barometer.estimate.composite.frames import wide
from barometer.estimate.composite.index import CompositeResult, composite_index
from barometer.estimate.composite.structure import Alternatives, Composite, Group, Part, Screening

__all__ = [
    "Alternatives",
    "Composite",
    "CompositeResult",
    "Group",
    "Part",
    "Screening",
    "composite_index",
    "wide",
]
