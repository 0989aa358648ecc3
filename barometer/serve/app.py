"""The application: API, OGC API and pages behind one door."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.exceptions import HTTPException

from barometer.serve import ogc_models
from barometer.serve.api import api
from barometer.serve.door import Buckets, Door
from barometer.serve.models import ProblemDetails
from barometer.serve.ogc import ogc
from barometer.serve.problems import PROBLEM_TYPE, Problem, problem_body
from barometer.serve.shelf import Shelf
from barometer.serve.site import site
from barometer.settings import Settings

TITLE = "Social Trust Barometer"
VERSION = "1.0"
DESCRIPTION = (
    "Trust indicators per neighbourhood as cities published them, each with its error or the reason why it is missing. "
    "For reading only; nothing that a person did not approve is here. Licence: CC BY 4.0."
)
_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemDetails, "description": text}
    for status, text in (
        (400, "a parameter is unknown or not of its form"),
        (404, "there is no such thing among what was published"),
        (410, "it was published, but is not as approved any more"),
        (429, "too many requests from this address"),
    )
}


class ServeSettings(BaseSettings):
    """How much one client may ask (environment: `BAROMETER_SERVE_*`)."""

    model_config = SettingsConfigDict(env_prefix="BAROMETER_SERVE_", frozen=True, extra="ignore")

    requests_per_second: float = Field(default=20.0, ge=0, description="a client, in the long run; 0 for no limit")
    burst: float = Field(default=100.0, ge=1, description="a client, at once")


def create_app(releases: Path, limits: ServeSettings | None = None) -> Door:
    """An ASGI application over the folder of releases. Every worker of a server has its own."""
    limits = limits or ServeSettings()
    shelf = Shelf(releases)
    rate = limits.requests_per_second
    return Door(
        inner_app(shelf, releases),
        version=lambda: shelf.version,
        buckets=Buckets(rate, limits.burst) if rate else None,
    )


def from_environment() -> Door:
    """For a server's workers: the releases and limits that the environment names."""
    return create_app(Settings().releases)


def inner_app(shelf: Shelf, releases: Path) -> FastAPI:
    """The routes, without the door."""
    app = FastAPI(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
    )
    app.include_router(api(shelf), responses=_REFUSALS, tags=["data"])
    app.include_router(ogc(shelf), responses=_REFUSALS, tags=["OGC API Features"])
    app.include_router(site(shelf, releases))
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.openapi = lambda: _description(app)  # type: ignore[method-assign]
    return app


def _answer(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    kept = {"cache-control": "no-store", "content-type": PROBLEM_TYPE}
    return Response(problem_body(status, detail), status_code=status, headers={**kept, **(headers or {})})


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return _answer(error.status, error.detail, error.headers)


async def _invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _answer(HTTPStatus.BAD_REQUEST, "; ".join(_in_words(each) for each in error.errors()))


def _in_words(mistake: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in mistake["loc"][1:])
    if mistake["type"] == "extra_forbidden":
        return f"there is no parameter {name!r} here; /docs lists them"
    return f"parameter {name}: {str(mistake['msg']).removeprefix('Value error, ')}"


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.NOT_FOUND:
        return _answer(404, f"there is nothing at {request.url.path}; /docs says what there is")
    return _answer(error.status_code, str(error.detail), dict(error.headers or {}))


def _description(app: FastAPI) -> dict[str, Any]:
    """OpenAPI 3.1; refusals are problem details, and 422 is never sent."""
    if app.openapi_schema:
        return app.openapi_schema
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    for operations in made["paths"].values():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            for status, refusal in operation["responses"].items():
                if int(status) >= 400:
                    refusal["content"] = {PROBLEM_TYPE: refusal["content"].pop("application/json")}
    schemas = made["components"]["schemas"]
    for model in (ogc_models.FeatureCollection, ogc_models.Items, ogc_models.Item):
        described = model.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= described.pop("$defs", {}) | {model.__name__: described}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    app.openapi_schema = made
    return made
