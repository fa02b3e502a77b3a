"""Content negotiation: an Accept header → the media type of the answer (RFC 9110, 12.5.1)."""

from collections.abc import Sequence


def preferred(accept: str, offered: Sequence[str]) -> str:
    """Return the offered media type that the header prefers; the first if it names none of them.

    Weights (`q`) count. Ranges such as `*/*` and `image/*` are ignored. Of media types with equal
    weights the header's first one wins.
    """
    weights = {}
    for place, part in enumerate(accept.lower().split(",")):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        given = [piece[2:] for piece in parameters if piece.startswith("q=")]
        weights[name] = (_weight(given[0]) if given else 1.0, -place)
    named = [name for name in offered if weights.get(name, (0.0, 0))[0] > 0]
    return max(named, key=lambda name: weights[name], default=offered[0])


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
