"""An API key as the service knows it: a name, the SHA-256 of the key, scopes, a quota.

In the file of keys each is one JSON object in one line. Whatever is unknown, of another type or
written twice is refused: a key that is understood in part may permit what nobody meant. No error
repeats what the line holds, because that may be a key.
"""

import json
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.errors import InvalidKeys
from app.strict_json import once

MAX_NAME = 64  # characters
MAX_LIMIT = 9_999_999  # requests of a quota; `app.access.quotas` counts further
_SECONDS = {"s": 1, "min": 60, "hour": 3600, "day": 86400}
_QUOTA = re.compile(r"([1-9][0-9]{0,6})/(s|min|hour|day)", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MEMBERS = ("name", "sha256", "scopes", "quota")


class KeyScope(StrEnum):
    """What a key permits: to ask models; and with `admin` everything, that included."""

    PREDICT = "predict"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `limit` requests in a `unit` of time."""

    limit: int
    unit: str

    @property
    def seconds(self) -> int:
        """The length of the unit."""
        return _SECONDS[self.unit]

    def __str__(self) -> str:
        """Write it as in the file of keys."""
        return f"{self.limit}/{self.unit}"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key. digest: the 32 bytes of its SHA-256. quota: None for as many requests as one likes."""

    name: str
    digest: bytes = field(repr=False)
    scopes: frozenset[KeyScope]
    quota: Quota | None = None

    def permits(self, scope: KeyScope) -> bool:
        """Say whether a request that needs this scope may be made with the key."""
        return scope in self.scopes or KeyScope.ADMIN in self.scopes


def parse_key(line: bytes) -> ApiKey:
    """Return the key that a line describes; raise `InvalidKeys`."""
    try:
        members = json.loads(line.decode(), object_pairs_hook=once)
    except (ValueError, RecursionError):
        raise InvalidKeys("expected one JSON object, whole and in UTF-8, in one line") from None
    if not isinstance(members, dict):
        raise InvalidKeys("expected a JSON object")
    if not set(members) <= set(_MEMBERS):
        raise InvalidKeys(f"expected no other members than {', '.join(_MEMBERS)}")
    return ApiKey(
        check_name(members.get("name")),
        _digest(members.get("sha256")),
        check_scopes(members.get("scopes")),
        None if members.get("quota") is None else check_quota(members["quota"]),
    )


def format_key(key: ApiKey) -> bytes:
    """Return the line that describes a key, without its end."""
    members: dict[str, Any] = {
        "name": key.name,
        "sha256": key.digest.hex(),
        "scopes": [scope.value for scope in KeyScope if scope in key.scopes],
    }
    if key.quota is not None:
        members["quota"] = str(key.quota)
    return json.dumps(members, ensure_ascii=False).encode()


def check_name(name: object) -> str:
    """Return the name of a key; raise `InvalidKeys` for what could not be shown in one line."""
    if not (isinstance(name, str) and name == name.strip() and 0 < len(name) <= MAX_NAME):
        raise InvalidKeys(f"name: expected 1 to {MAX_NAME} characters, without spaces around them")
    if not name.isprintable():  # also no line breaks, no characters that change the direction
        raise InvalidKeys("name: expected characters that can be printed, in one line")
    return name


def check_scopes(scopes: object) -> frozenset[KeyScope]:
    """Return the scopes of a key; raise `InvalidKeys`."""
    known = {scope.value for scope in KeyScope}
    if (
        not isinstance(scopes, list)
        or not scopes
        or not all(isinstance(scope, str) and scope in known for scope in scopes)
        or len(set(scopes)) < len(scopes)
    ):
        raise InvalidKeys("scopes: expected a list with predict, admin or both")
    return frozenset(KeyScope(scope) for scope in scopes)


def check_quota(quota: object) -> Quota:
    """Return a quota such as `600/min`; raise `InvalidKeys`."""
    found = _QUOTA.fullmatch(quota) if isinstance(quota, str) else None
    if found is None:
        raise InvalidKeys(
            f"quota: expected a number from 1 to {MAX_LIMIT} and one of {', '.join(_SECONDS)}, "
            "such as 600/min"
        )
    return Quota(int(found[1]), found[2])


def _digest(digest: object) -> bytes:
    if not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
        raise InvalidKeys("sha256: expected 64 lowercase hexadecimal digits")
    return bytes.fromhex(digest)
