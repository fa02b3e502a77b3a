"""A change of which version serves, as a client or a command asks for it: checked, then made."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from app.bundle.registry import Registry
from app.bundle.serving_rule import Reason, VersionNumber
from app.errors import InvalidInput
from app.names import unknown_name
from app.serving.rule_changes import (
    RuleChange,
    hold,
    pin,
    release,
    rollback,
    rollback_to_copy,
    unpin,
)
from app.wire import Wire

_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "pin": ("version",),
    "unpin": (),
    "rollback": ("copy",),
    "hold": ("version", "reason"),
    "release": ("version",),
}
_REASON = "expected a text of at most 500 characters, without line breaks or control characters"


class ChangeRequest(Wire):
    """One change. version: of `pin`, `hold` and `release`. reason: of `hold`.

    copy: of `rollback`; publish the version before under a new number instead of pinning it.
    """

    change: Literal["pin", "unpin", "rollback", "hold", "release"]
    version: VersionNumber | None = None
    reason: Reason = ""
    as_copy: bool = Field(default=False, alias="copy")


def read_change(members: Mapping[str, Any]) -> ChangeRequest:
    """Return the change that these members ask for; raise `InvalidInput`, which repeats none."""
    verb = members.get("change")
    if not isinstance(verb, str) or verb not in _MEMBERS:
        raise InvalidInput(f"change: expected {' or '.join(_MEMBERS)}")
    known = ("change", *_MEMBERS[verb])
    for name in sorted(members.keys() - set(known)):
        raise InvalidInput(unknown_name(f"member of {verb}", name, known))
    if "version" in known and members.get("version") is None:
        raise InvalidInput(f"version: {verb} needs the number of a version")
    try:
        return ChangeRequest.model_validate(members, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        raise InvalidInput(f"{name}: {_REASON if name == 'reason' else first['msg']}") from None


def make_change(
    folder: Path,
    request: ChangeRequest,
    registry: Callable[[], Registry],
    ready: Collection[int] = (),
) -> RuleChange:
    """Change the rule of the model in `folder`; raise what `app.serving.rule_changes` raises.

    registry: called for a copy only. ready: in a service, the versions that it can answer with.
    """
    match request:
        case ChangeRequest(change="pin", version=int(version)):
            return pin(folder, version)
        case ChangeRequest(change="hold", version=int(version)):
            return hold(folder, version, request.reason)
        case ChangeRequest(change="release", version=int(version)):
            return release(folder, version)
        case ChangeRequest(change="rollback", as_copy=True):
            return rollback_to_copy(folder, registry(), ready)
        case ChangeRequest(change="rollback"):
            return rollback(folder, ready)
    return unpin(folder)
