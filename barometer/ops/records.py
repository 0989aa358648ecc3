"""What stands beside a release and no step can make alone: the record of the model that read the posts."""

from __future__ import annotations

from barometer.night import Night


def records_beside(night: Night) -> dict[str, str]:
    """File name -> text: the algorithmic transparency record of the model in use, as Markdown and JSON.

    Empty where the model in use has no figures of its training (a city that uses the linear model alone).
    """
    from barometer.classify.model import PROMOTED, promoted_name
    from barometer.train.atrs import atrs_record, to_json, to_markdown

    name = promoted_name(PROMOTED, night.settings.models)
    if not (night.settings.models / name / "training.json").is_file():
        return {}
    record = atrs_record(night.city, name, night.settings)
    return {"atrs.json": to_json(night.city, record), "atrs.md": to_markdown(night.city, record)}
