"""Names that a client may use, and the nearest one to a name that it may not.

What the client sent is never repeated in the answer; the nearest known name says enough.
"""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 64  # characters of an unknown name that are compared


def unknown_name(kind: str, given: str, known: Iterable[str]) -> str:
    """Return the sentence that refuses a name; kind: what it names, such as `query parameter`."""
    names = sorted(known)
    near = get_close_matches(given[:_LONGEST].lower(), names, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    expected = f"expected {' or '.join(names)}" if names else "none is taken here"
    return f"unknown {kind}: {expected}{meant}"
