"""The file `models/<name>/serving.json`: which version of a model serves, and which never does.

Any tool may write it. It is one JSON object of at most `_MAX_SIZE` bytes; what it leaves out has
the default, and without the file all of it has. Whatever is unknown, contradictory or of another
type makes the whole file invalid: a rule that is understood in part may let the wrong version
serve. Like a bundle's files it may be a link, and is read only if it leads to a regular file.

A change reads the file, changes it and replaces it as a whole, while it holds a lock on the model's
folder; so two commands at once do not lose each other's change.
"""

import errno
import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app.bundle.manifest import VERSION_DIGITS
from app.disk import UnexpectedFile, locked_folder, read_small, replace_file, writing
from app.errors import InvalidRule
from app.strict_json import once

SERVING_FILE = "serving.json"
_MAX_SIZE = 2**16  # bytes
_ABSENT = {errno.ENOENT, errno.ENOTDIR}

VersionNumber = Annotated[int, Field(ge=1, lt=10**VERSION_DIGITS)]
Reason = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]


class ServingRule(BaseModel):
    """Which version of a model serves.

    policy: `latest`, the newest ready version that is not held, or `pinned`, the version `version`;
    under `latest` that number means nothing. keep: how many versions stay loaded, the serving one
    included, so that going back needs no disk. held: the versions that no policy picks. reasons: by
    version, why it is or was held.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    policy: Literal["latest", "pinned"] = "latest"
    version: VersionNumber | None = None
    keep: Annotated[int, Field(ge=1, le=1000)] = 2
    held: Annotated[tuple[VersionNumber, ...], Field(max_length=1000)] = ()
    reasons: Annotated[Mapping[VersionNumber, Reason], Field(max_length=1000)] = {}

    @model_validator(mode="after")
    def _check(self) -> "ServingRule":
        if self.policy == "pinned" and self.version is None:
            raise ValueError("the policy pinned needs a version")
        if self.policy == "pinned" and self.version in self.held:
            raise ValueError(f"version {self.version} is pinned and held")
        if len(set(self.held)) < len(self.held):
            raise ValueError("a version is held twice")
        return self

    def changed(self, **members: Any) -> "ServingRule":
        """Return the rule with other members; raise pydantic's `ValidationError`."""
        return ServingRule.model_validate({**self.model_dump(), **members})

    def holding(self, version: int, reason: str = "") -> "ServingRule":
        """Return the rule with a version held, which need not be published yet.

        reason: one line, or nothing, which leaves the reason of a version that is held already.
        """
        reasons = {**self.reasons, **({version: reason} if reason else {})}
        return self.changed(held=tuple(sorted({*self.held, version})), reasons=reasons)

    def releasing(self, version: int) -> "ServingRule":
        """Return the rule with a version not held."""
        return self.changed(held=tuple(each for each in self.held if each != version))


def read_rule(folder: Path) -> ServingRule:
    """Return the rule of the model in `folder`; raise `InvalidRule` if its file cannot be used."""
    content = _content(folder)
    return ServingRule() if content is None else parse_rule(content, _shown(folder))


def parse_rule(content: bytes, shown: str = SERVING_FILE) -> ServingRule:
    """Return the rule in a file's content; raise `InvalidRule`, which begins with `shown`."""
    try:
        rule = ServingRule.model_validate_json(content)
        json.loads(content, object_pairs_hook=once)  # pydantic takes the last one
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:60]
        message = first["msg"].removeprefix("Value error, ")
        raise InvalidRule(f"{shown}: {where}{': ' if where else ''}{message}") from error
    except ValueError as error:
        raise InvalidRule(f"{shown}: {error}") from error
    return rule


def write_rule(folder: Path, rule: ServingRule) -> None:
    """Replace the rule of the model in `folder` as a whole; raise `NotWritten` if that fails.

    Raises `InvalidRule` for one that would be too large to be read.
    """
    used = {number: reason for number, reason in rule.reasons.items() if number in rule.held}
    content = rule.model_copy(update={"reasons": used}).model_dump_json(
        indent=2, exclude_defaults=True
    )
    data = (content + "\n").encode()
    if len(data) > _MAX_SIZE:
        raise InvalidRule(
            f"{_shown(folder)}: would have more than {_MAX_SIZE} bytes; release versions that are "
            "no longer there, or give shorter reasons"
        )
    with writing(SERVING_FILE, folder, "write it by another user"):
        replace_file(folder / SERVING_FILE, data)


def locked(folder: Path) -> AbstractContextManager[None]:
    """Keep every other change of the model in `folder` away; raise `NotWritten`, see `app.disk`."""
    return locked_folder(folder, SERVING_FILE)


def _content(folder: Path) -> bytes | None:
    """Return the bytes of the file, or None where there is none."""
    path, shown = folder / SERVING_FILE, _shown(folder)
    try:
        return read_small(path, _MAX_SIZE)
    except UnexpectedFile as error:
        raise InvalidRule(f"{shown}: {error}") from error
    except OSError as error:
        if error.errno in _ABSENT and not path.is_symlink():
            return None
        raise InvalidRule(f"{shown}: cannot be read ({error.strerror})") from error


def _shown(folder: Path) -> str:
    return f"{folder.name}/{SERVING_FILE}"
