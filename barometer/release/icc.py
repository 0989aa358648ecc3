"""The ICC Index as the city entered it: twelve indices of policy inputs, beside trust and never part of it.

The city fills in `configs/cities/<id>/icc_index.yaml` from its own Intercultural Cities Index report. What it leaves out
is shown as not provided; nothing is worked out and nothing is carried over from elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from barometer.errors import BadConfiguration

INDICES: dict[str, str] = {
    "commitment": "Commitment",
    "intercultural_lens": "Intercultural lens",
    "mediation": "Mediation and conflict resolution",
    "language": "Language",
    "media": "Media and communication",
    "international_outlook": "International outlook",
    "intelligence": "Intercultural intelligence and competence",
    "welcoming": "Welcoming newcomers",
    "leadership": "Leadership and citizenship",
    "anti_discrimination": "Anti-discrimination",
    "participation": "Participation",
    "interaction": "Interaction",
}
LENSES: dict[str, str] = {
    "education": "Education",
    "neighbourhoods": "Neighbourhoods",
    "public_services": "Public services",
    "business": "Business and labour market",
    "cultural_social_life": "Cultural and social life",
    "public_space": "Public space",
}
