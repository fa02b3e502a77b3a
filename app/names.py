"""Errors about unknown names: they suggest the most similar known name.

They never repeat what the client sent.
"""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 64  # characters of an unknown name that are compared
_PART = 4  # characters of a part of a name, at least


def unknown_name(kind: str, given: str, known: Iterable[str]) -> str:
    """Return an error text for an unknown name; kind: for example `query parameter`."""
    names = sorted(known)
    given = given[:_LONGEST].lower()
    near = get_close_matches(given, names, n=1)
    if not near and len(given) >= _PART:  # a part of a name, such as `sentence`
        near = [name for name in names if given in name or name in given][:1]
    meant = f"; did you mean {near[0]}?" if near else ""
    expected = f"expected {' or '.join(names)}" if names else "none is taken here"
    return f"unknown {kind}: {expected}{meant}"
