"""Errors about unknown names: they suggest the most similar known name.

They never repeat what the client sent.
"""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 64  # characters of an unknown name that are compared


def unknown_name(kind: str, given: str, known: Iterable[str]) -> str:
    """Return an error text for an unknown name; kind: for example `query parameter`."""
    names = sorted(known)
    near = get_close_matches(given[:_LONGEST].lower(), names, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    expected = f"expected {' or '.join(names)}" if names else "none is taken here"
    return f"unknown {kind}: {expected}{meant}"
