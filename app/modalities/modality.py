"""What a modality is: everything that differs between images, sounds, texts and trees.

A new modality is a package with a spec, an encoder and one `Modality` value. The composition
root hands the values down; nothing else in the service names a modality.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.bundle import EncoderSpec, Manifest
from app.bundle.tensors import Arrays
from app.modalities.payload import Encoded, Encoder, Payload


def no_explanation(manifest: Manifest, encoded: Encoded[Any], outputs: Arrays) -> None:
    """Explain nothing."""


def no_instance(value: Any) -> None:
    """Read nothing from JSON."""


@dataclass(frozen=True, slots=True)
class Modality:
    """One kind of payload.

    spec: the class of a manifest's `encoder`; the default of its field `kind` is the name here.
    encoder: of a spec and the bundle's files, what encodes payloads.
    bodies: by media type, how OpenAPI describes a request body that is one item.
    instance: an item of `instances` in JSON → the payload; None where it is of another kind.
        Files as `{"b64": ...}` are read without it.
    instance_schema: the JSON schema of such an item.
    explain: of one item and its outputs, what led to the label: pydantic models that are written
        as JSON, of the type `explanation`; None where the graph gives nothing to explain by.
    """

    name: str
    spec: type[EncoderSpec]
    encoder: Callable[[Any, Mapping[str, bytes]], Encoder]
    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    instance: Callable[[Any], Payload | None] = no_instance
    instance_schema: Mapping[str, Any] | None = None
    explain: Callable[[Manifest, Encoded[Any], Arrays], Any] = no_explanation
    explanation: Any = None
