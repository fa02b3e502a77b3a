"""JSON in which no object says two things about one member; parsers take the last one silently."""

from typing import Any


class RepeatedMember(ValueError):
    """A member stands twice in one object."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, as `object_pairs_hook` of `json.loads`; raise `RepeatedMember`."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise RepeatedMember("a member stands twice in one object")
    return members
