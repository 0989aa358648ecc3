"""Posts as a former model reads them, so that a change of the model can be told from a change of what is said."""

from __future__ import annotations

import polars as pl

from barometer.classify.model import is_served, load_model
from barometer.classify.run import labels_of
from barometer.errors import BadConfiguration, BadInput
from barometer.night import Night
from barometer.tables import TABLES

_SHARD = 0


def labels_by(night: Night, posts: pl.DataFrame, name: str, version: str) -> pl.DataFrame:
    """Rows of `labels` for rows of `posts` by that version of that model, written nowhere.

    No rows where the model is not there any more, is damaged, or is another version by now.
    """
    try:
        model = load_model(name, night.settings.models)
    except (BadConfiguration, BadInput):
        return TABLES["labels"].empty()
    if model.version != version:
        return TABLES["labels"].empty()
    served = posts.filter(is_served(model, posts["language"]))
    return labels_of(served, model, _SHARD)
