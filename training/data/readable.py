"""The text of a payload, for what learns from many of them: one that cannot be read is empty."""

from app.errors import InvalidInput
from app.modalities import Payload
from app.modalities.charset import decode_text


def readable_text(payload: Payload) -> str:
    """Return the text, or an empty one where it cannot be read; `encode` names those."""
    try:
        return decode_text(payload)
    except InvalidInput:
        return ""
