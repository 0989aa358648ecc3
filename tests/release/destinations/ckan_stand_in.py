"""A CKAN portal over real sockets that keeps the Action API's rules, and can break off half-way."""

from __future__ import annotations

import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "secret-token"
ORGANISATION = "city-council"
_NAME = re.compile(r"[a-z0-9_-]{2,100}")
_TAG = re.compile(r"[\w \-.]{2,100}")


class Refused(Exception):
    """An answer with `success: false`."""

    def __init__(self, status: int, kind: str, **said: Any) -> None:
        super().__init__(kind)
        self.status, self.error = status, {"__type": kind, **said}


@dataclass
class Portal:
    """What the portal holds. `requests_left` counts down to the moment at which it breaks off."""

    datasets: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    requests_left: int | None = None
    seen_by_readers: list[tuple[bool, int]] = field(default_factory=list)

    def visible(self, name: str) -> dict[str, Any] | None:
        """A dataset as a reader without a token sees it."""
        found = self.datasets.get(name)
        return found if found and not found["private"] else None

    def package_show(self, content: dict[str, Any]) -> dict[str, Any]:
        return self._dataset(content["id"])

    def package_create(self, content: dict[str, Any]) -> dict[str, Any]:
        if not _NAME.fullmatch(content.get("name", "")):
            raise Refused(409, "Validation Error", name=["Must be purely lowercase alphanumeric"])
        if content["name"] in self.datasets:
            raise Refused(409, "Validation Error", name=["That URL is already in use."])
        if content.get("private") and not content.get("owner_org"):
            raise Refused(409, "Validation Error", private=["Datasets with no organization can't be private."])
        if content.get("owner_org") != ORGANISATION:
            raise Refused(403, "Authorization Error", message="User not authorized to add dataset to this organization")
        wrong = [tag["name"] for tag in content.get("tags", ()) if not _TAG.fullmatch(tag["name"])]
        if wrong:
            raise Refused(409, "Validation Error", tags=wrong)
        made = {"resources": [], **content, "id": str(uuid.uuid4())}
        self.datasets[content["name"]] = made
        return made

    def package_patch(self, content: dict[str, Any]) -> dict[str, Any]:
        dataset = self._dataset(content["id"])
        dataset |= {name: value for name, value in content.items() if name != "id"}
        return dataset

    def resource_create(self, fields: dict[str, str], upload: bytes) -> dict[str, Any]:
        dataset = self._dataset(fields["package_id"])
        made = {**fields, "id": str(uuid.uuid4())}
        dataset["resources"].append(made)
        self.files[made["id"]] = upload
        return made

    def resource_update(self, fields: dict[str, str], upload: bytes) -> dict[str, Any]:
        for dataset in self.datasets.values():
            for resource in dataset["resources"]:
                if resource["id"] == fields["id"]:
                    resource.update(fields)
                    self.files[resource["id"]] = upload
                    return resource
        raise Refused(404, "Not Found Error", message="Not found")

    def _dataset(self, wanted: str) -> dict[str, Any]:
        for name, dataset in self.datasets.items():
            if wanted in (name, dataset["id"]):
                return dataset
        raise Refused(404, "Not Found Error", message="Not found")


class Handler(BaseHTTPRequestHandler):
    """POST /api/3/action/<action>, JSON or multipart."""

    portal: Portal
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        portal = self.portal
        if portal.requests_left is not None:
            portal.requests_left -= 1
            if portal.requests_left < 0:
                self.close_connection = True
                self.connection.close()
                return
        action = self.path.removeprefix("/api/3/action/")
        portal.calls.append(action)
        try:
            if self.headers.get("authorization") != TOKEN:
                raise Refused(403, "Authorization Error", message="Access denied")
            result = self._act(action, body)
            status, answer = 200, {"success": True, "result": result}
        except Refused as refused:
            status, answer = refused.status, {"success": False, "error": refused.error}
        portal.seen_by_readers += [(not d["private"], len(d["resources"])) for d in portal.datasets.values()]
        self._say(status, answer)

    def _act(self, action: str, body: bytes) -> dict[str, Any]:
        kind = self.headers["content-type"]
        if action.startswith("resource_"):
            assert kind.startswith("multipart/form-data"), kind
            fields, upload = _multipart(kind, body)
            return getattr(self.portal, action)(fields, upload)
        assert kind == "application/json", kind
        return getattr(self.portal, action)(json.loads(body))

    def _say(self, status: int, answer: dict[str, Any]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _multipart(kind: str, body: bytes) -> tuple[dict[str, str], bytes]:
    message: Message = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body, policy=HTTP)
    fields: dict[str, str] = {}
    upload = b""
    for part in message.walk():
        name = part.get_param("name", header="content-disposition")
        if name == "upload":
            upload = part.get_payload(decode=True)
        elif name:
            fields[str(name)] = part.get_payload(decode=True).decode()
    return fields, upload


class StandIn:
    """The portal, served until the block ends."""

    def __init__(self) -> None:
        self.portal = Portal()
        handler = type("Bound", (Handler,), {"portal": self.portal})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> StandIn:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
