"""Model control of a running service, over HTTP."""

import json
from collections.abc import Mapping
from contextlib import closing
from http.client import HTTPException
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import ValidationError

from app.cli.server_connection import (
    NOT_THALAMUS,
    Reply,
    ServerConnection,
    safe,
    server_address,
    why_no_answer,
)
from app.command_line import nearest
from app.serving.change_request import ChangeRequest
from app.serving.rule_changes import RuleChange
from app.serving.rule_state import RuleState

_Answer = TypeVar("_Answer", RuleState, RuleChange)


class ServerClient:
    """Asks the service at `address`, an http or https URL. key: for its admin, if it wants one."""

    def __init__(self, address: str, key: str | None) -> None:
        self._server = server_address(address, key)

    def state(self, name: str) -> RuleState:
        """Return the state of a model; raise `OperatorError` for whatever goes wrong."""
        model = self._ask("GET", name, f"/v1/models/{quote(name, safe='')}")
        try:
            versions = [version["version"] for version in model["versions"]]
            said = {**model["serving"], "model": name, "published": versions}
        except (KeyError, TypeError) as error:
            what = "it does not say which version serves; is it older?"
            raise self._server.error(what) from error
        return self._parsed(RuleState, said)

    def change(self, name: str, request: ChangeRequest) -> RuleChange:
        """Ask for a change, and return what it did; raise `OperatorError`."""
        members = request.model_dump(by_alias=True, exclude_defaults=True)
        address = f"/v1/models/{quote(name, safe='')}/serving"
        return self._parsed(RuleChange, self._ask("POST", name, address, members))

    def _parsed(self, kind: type[_Answer], document: Any) -> _Answer:
        try:
            return kind.model_validate(document, extra="ignore")  # of a newer service
        except ValidationError as error:
            what = f"it answered with unexpected JSON; {NOT_THALAMUS}"
            raise self._server.error(what) from error

    def _ask(
        self, method: str, name: str, address: str, members: Mapping[str, Any] | None = None
    ) -> Any:
        reply = self._send(method, address, members)
        document = reply.document
        if reply.status == 200 and document is not None:
            return document
        if reply.status == 404 and reply.detail is not None:
            raise self._server.error(self._unknown(name))
        raise self._server.error(self._server.refusal(reply))

    def _unknown(self, name: str) -> str:
        reply = self._send("GET", "/v1/models", None)
        names = names_of_models(reply)
        if name in names:
            return "it has no control of models; is it older?"
        return f"it has no model {name!r}{safe(nearest(name, names))}"

    def _send(self, method: str, address: str, members: Mapping[str, Any] | None) -> Reply:
        body = None if members is None else json.dumps(members).encode()
        try:
            with closing(ServerConnection(self._server)) as connection:
                kind = "" if body is None else "application/json"
                return connection.send(method, address, body, kind)
        except (OSError, HTTPException) as error:
            unknown = "" if body is None else "; look whether the change was made"
            what = why_no_answer(error) + (unknown if _is_late(error) else "")
            raise self._server.error(what) from error


def names_of_models(reply: Reply) -> list[str]:
    """Return the names in an answer to `GET /v1/models`; none where it is no such answer."""
    listed = reply.document
    models = listed.get("models") if isinstance(listed, dict) and reply.status == 200 else None
    return [str(model.get("name")) for model in models or () if isinstance(model, dict)]


def _is_late(error: Exception) -> bool:
    return isinstance(error, TimeoutError | HTTPException | ConnectionResetError)
