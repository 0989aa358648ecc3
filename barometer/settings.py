"""Environment -> Settings. Every value has a working default for one machine; `BAROMETER_*` variables override it."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parent.parent

_BELOW_HOME = ("inbox", "releases", "drafts", "runs", "keys", "decisions")


class Settings(BaseSettings):
    """Where things are. Paths are folders of this machine; `lake` may also be an object store (`s3://bucket/prefix`)."""

    model_config = SettingsConfigDict(env_prefix="BAROMETER_", frozen=True, extra="ignore")

    home: Path = Field(default=PROJECT / "var", description="everything a run writes, unless set apart below")
    lake: str = Field(default="", description="Delta tables; default {home}/lake")
    inbox: Path = Field(default=Path(), description="raw files, one folder a city; default {home}/inbox")
    releases: Path = Field(default=Path(), description="approved, immutable releases; default {home}/releases")
    drafts: Path = Field(default=Path(), description="releases awaiting approval; default {home}/drafts")
    runs: Path = Field(default=Path(), description="run reports, timings, Data Docs; default {home}/runs")
    keys: Path = Field(default=Path(), description="the cities' pseudonym keys, never in the lake; default {home}/keys")
    decisions: Path = Field(
        default=Path(), description="what people decided, one folder a city; default {home}/decisions"
    )
    allow_hosts: str = Field(
        default="", description="host:port of services in private networks that may be asked, separated by commas"
    )
    configs: Path = Field(default=PROJECT / "configs", description="cities, indicators, codebooks")
    models: Path = Field(default=PROJECT / "models", description="one folder a model")
    public_url: str = Field(default="", description="address `barometer serve` has in public, for catalogues")
    signing_key: Path | None = Field(default=None, description="Ed25519 private key (PEM) that signs releases")
    data: Path = Field(default=PROJECT.parent / "shared" / "data", description="real data for training and tests")

    @model_validator(mode="before")
    @classmethod
    def _below_home(cls, values: dict[str, object]) -> dict[str, object]:
        """Give every path that is not set its place below `home`."""
        home = Path(str(values.get("home") or PROJECT / "var"))
        filled = {name: home / name for name in _BELOW_HOME} | {"lake": str(home / "lake")}
        return {**filled, **{name: value for name, value in values.items() if value}}
