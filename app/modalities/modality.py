"""The type `Modality`: everything that differs between images, sounds, texts and trees.

A new modality is a package with a spec, an encoder and one `Modality` value. The composition root
passes these values on; no other part of the service names a modality.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.bundle import EncoderSpec, Manifest
from app.bundle.tensors import Arrays
from app.modalities.payload import Encoded, Encoder, Payload

# To stack an item that is given, into a batch.
_SECONDS, _SECONDS_A_BYTE = 2e-5, 1e-9


def accepts_nothing(media_type: str) -> bool:
    """Accept no media type: nothing of the modality is sent as a body of its own."""
    return False


def no_explanation(manifest: Manifest, encoded: Encoded[Any], outputs: Arrays) -> None:
    """Explain nothing."""


def no_instance(value: Any) -> None:
    """Read nothing from JSON."""


def any_numbers(_encoder: Encoder, arrays: Arrays) -> float:
    """Take any numbers: a picture's and a sound's may be what they like."""
    size: int = sum(array[0].nbytes for array in arrays.values())
    return _SECONDS + _SECONDS_A_BYTE * size


@dataclass(frozen=True, slots=True)
class Modality:
    """One kind of payload.

    spec: the class of a manifest's `encoder`; the default of its field `kind` is the name here.
    encoder: (spec, files of the bundle) -> the encoder.
    accepts: whether its encoders may be able to decode payloads of a media type.
    bodies: OpenAPI's description of a request body that is one item, by media type.
    instance: an item of `instances` in JSON -> the payload; None if it is of another modality.
        Files such as `{"b64": ...}` do not need it.
    instance_schema: the JSON schema of such an item.
    take_tensors: (encoder, the graph's inputs of several items with their batch axis) -> an upper
        estimate of the seconds that one of them takes, as `Encoder.cost` gives; raises
        `InvalidInput` for what `encode` would never make, such as a token that there is not. The
        arrays have the dtypes and sizes of `EncoderSpec.tensors` and finite numbers. None: clients
        send payloads only.
    explain: (manifest, encoded item, its outputs) -> the explanation of the label: pydantic models
        of the type `explanation`; None if the graph has no output for it.
    """

    name: str
    spec: type[EncoderSpec]
    encoder: Callable[[Any, Mapping[str, bytes]], Encoder]
    accepts: Callable[[str], bool] = accepts_nothing
    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    instance: Callable[[Any], Payload | None] = no_instance
    instance_schema: Mapping[str, Any] | None = None
    take_tensors: Callable[[Any, Arrays], float] | None = None
    explain: Callable[[Manifest, Encoded[Any], Arrays], Any] = no_explanation
    explanation: Any = None
