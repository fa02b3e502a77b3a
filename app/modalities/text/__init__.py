"""Texts for classifiers: specification, encoder, cleaning, explanation."""

from typing import Any

from app.modalities.modality import Modality
from app.modalities.payload import Payload
from app.modalities.text.encoder import TextEncoder
from app.modalities.text.explanation import TokenWeight, explain_text
from app.modalities.text.spec import TextSpec

_EXAMPLE = "You have WON a free cruise!!! Click here to claim your prize."


def text_instance(value: Any) -> Payload | None:
    """Return a JSON string as a payload of plain text."""
    return Payload(value.encode(), "text/plain", "utf-8") if isinstance(value, str) else None


TEXT = Modality(
    name="text",
    spec=TextSpec,
    encoder=TextEncoder,
    accepts=TextEncoder.accepts,
    bodies={"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}},
    instance=text_instance,
    instance_schema={"type": "string"},
    take_tensors=TextEncoder.take_tensors,
    explain=explain_text,
    explanation=list[TokenWeight],
)
