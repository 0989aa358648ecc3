"""Labels that this version of this model already gave a text: a text is read once, whichever night it comes again.

They are looked up in `posts` and `labels` themselves. A store beside the lake would outlive removals.
"""

from __future__ import annotations

import polars as pl

from barometer.classify.decide import LABEL_COLUMNS, PROBABILITY_COLUMNS
from barometer.classify.model import Model, predict_once
from barometer.lake import EXPIRED_TEXT
from barometer.night import Night

_ANSWER = (*LABEL_COLUMNS, *PROBABILITY_COLUMNS)


def known_labels(night: Night, model: Model, texts: pl.Series) -> pl.DataFrame:
    """Labels and probabilities of those `texts` that an earlier night of this city read: one row a `text`."""
    is_earlier = pl.col("night") < night.night
    is_ours = (pl.col("model") == model.name) & (pl.col("model_version") == model.version)
    # A text past its retention is blank, and tells nothing of a post that came blank.
    wanted = texts.rename("text").unique().to_frame().lazy().filter(pl.col("text") != EXPIRED_TEXT)
    posts = night.lake.read("posts").filter(is_earlier).select("night", "post", "text")
    labels = night.lake.read("labels").filter(is_earlier & is_ours).select("night", "post", *_ANSWER)
    again = posts.join(wanted, on="text", how="semi").join(labels, on=["night", "post"])
    found = again.sort("night", "post").unique("text", keep="first")
    return found.select("text", *_ANSWER).collect()


def predict_unknown(model: Model, texts: pl.Series, known: pl.DataFrame) -> pl.DataFrame:
    """Labels and probabilities of `texts`, in order; the model reads only those that are not in `known`."""
    new = texts.rename("text").unique(maintain_order=True).to_frame().join(known, on="text", how="anti")["text"]
    read = predict_once(model, new).select(_ANSWER).with_columns(text=new)
    every = pl.concat([known.select("text", *_ANSWER), read.select("text", *_ANSWER)])
    return texts.rename("text").to_frame().join(every, on="text", how="left", maintain_order="left").select(_ANSWER)
