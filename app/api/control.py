"""Model control over HTTP: which version of a model serves.

The route changes the model's `serving.json` in the folder of models; every worker follows it as it
would follow the file written by any other tool. It is closed unless the service has a keys file,
whose scope `admin` it wants.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request

from app.api.body import read_body
from app.api.item_request import JSON, header
from app.api.openapi import describe_change
from app.api.payload import split_content_type
from app.api.query import no_query
from app.bundle import Registry
from app.bundle.manifest import wrong_name
from app.errors import (
    ControlClosed,
    ImpossibleChange,
    InvalidInput,
    InvalidRule,
    MalformedRequest,
    TooLarge,
    UnknownModel,
    UnsupportedMedia,
)
from app.serving.catalog import Catalog, VersionState
from app.serving.change_request import ChangeRequest, make_change, read_change
from app.serving.daemon_thread import in_daemon_thread
from app.serving.rule_changes import RuleChange
from app.strict_json import RepeatedMember, once
from app.telemetry import event, record_of

router = APIRouter(prefix="/v1/models", tags=["control"], dependencies=[Depends(no_query)])
_MOST = 2**14  # bytes of a body; a reason of 500 characters is far below
_CLOSED = "model control over HTTP needs a keys file, THALAMUS_KEYS_FILE"


@dataclass(frozen=True, slots=True)
class ModelControl:
    """What the route works on. root: the folder of models. is_open: whether there are keys.

    receive_timeout: seconds in which a body must arrive.
    """

    root: Path
    catalog: Catalog
    registry: Registry
    receive_timeout: float
    is_open: bool

    def folder(self, name: str) -> Path:
        """Return the folder of a model, whose name a client made up; raise `UnknownModel`."""
        if wrong_name(name) or not (self.root / name).is_dir():
            raise UnknownModel("there is no model of that name; GET /v1/models lists them")
        return self.root / name

    def ready(self, name: str) -> set[int]:
        """Return the versions of a model that can answer in this process."""
        entries = (entry for entry in self.catalog.entries if entry.name == name)
        return {entry.version for entry in entries if entry.state is VersionState.READY}

    def change(self, name: str, request: ChangeRequest, ready: set[int]) -> RuleChange:
        """Change the rule of a model, in a thread; raise a `ClientError` or `NotWritten`."""
        folder = self.folder(name)
        try:
            return make_change(folder, request, lambda: self.registry, ready)
        except (
            InvalidRule
        ) as error:  # the operator, who asks, must mend it: no fault of the service
            raise ImpossibleChange(str(error)) from error


@router.post("/{model}/serving", **describe_change(ChangeRequest))
async def change_serving(request: Request, model: str) -> RuleChange:
    """Change which version of a model serves, by its `serving.json`."""
    control: ModelControl = request.app.state.control
    if not control.is_open:
        raise ControlClosed(_CLOSED)
    if split_content_type(header(request.scope, b"content-type"))[0] != JSON:
        raise UnsupportedMedia(f"expected a body of {JSON}")
    body = await read_body(request.receive, control.receive_timeout)
    asked = read_change(_members(body))
    done = await in_daemon_thread(control.change, model, asked, control.ready(model))
    said: dict[str, Any] = {"serves": done.after.version, "request_id": request.scope["request_id"]}
    if key := record_of(request.scope).key:
        said["key"] = key
    version = asked.version or done.after.version
    event("serving rule changed", model=model, change=asked.change, version=version, **said)
    return done


def _members(body: bytes) -> Mapping[str, Any]:
    """Return the members of a JSON object; raise a `ClientError`."""
    if len(body) > _MOST:
        raise TooLarge(f"expected a body of at most {_MOST} bytes")
    try:
        orjson.loads(body)  # the stricter one
        document = json.loads(body.decode(), object_pairs_hook=once)
    except RepeatedMember as error:
        raise InvalidInput(str(error)) from None
    except (ValueError, RecursionError):
        raise MalformedRequest("the body is not valid JSON") from None
    if not isinstance(document, dict):
        raise InvalidInput('expected an object such as {"change": "pin", "version": 3}')
    return document
