"""The tensors of a model: what a request may send, and what it may ask for."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.bundle.tensors import TensorSpec, is_forest
from app.open_inference.datatypes import BYTES, datatype_of
from app.pipeline import ModelInterface

PAYLOAD = "payload"  # the input of encoded files and texts, one for each item
FREE = -1  # the size of an axis that varies, the batch's among them


@dataclass(frozen=True, slots=True)
class TensorSignature:
    """One tensor of a model. The first axis of its shape is that of the items, `FREE`."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    @property
    def about(self) -> str:
        """Its datatype and shape, for an error text."""
        return f"{self.datatype} of shape {list(self.shape)}"


PAYLOAD_SIGNATURE = TensorSignature(PAYLOAD, BYTES, (FREE,))


def graph_inputs(pipeline: ModelInterface) -> tuple[TensorSpec, ...]:
    """Return the graph's inputs that clients may send, by the graph's own names; or none.

    None may be sent where the modality does not check them, where trees are joined rather than
    stacked, and where nothing bounds the size of an axis.
    """
    spec, inputs = pipeline.manifest.encoder, pipeline.manifest.inputs
    named = {axis for each in spec.tensors() for axis in each.shape[1:] if isinstance(axis, str)}
    bounded = named <= spec.longest().keys()
    if pipeline.modality.take_tensors is None or is_forest(spec.tensors()) or not bounded:
        return ()
    pairs = zip(spec.tensors(), inputs, strict=True)
    # The manifest of a packed graph need not name the axes as the encoder does.
    return tuple(each.model_copy(update={"name": own.name}) for each, own in pairs)


def signature_of(spec: TensorSpec) -> TensorSignature:
    """Return how clients see an input of the graph."""
    shape = tuple(size if isinstance(size, int) else FREE for size in spec.shape)
    return TensorSignature(spec.name, datatype_of(spec.dtype), shape)


def input_signatures(pipeline: ModelInterface) -> Sequence[TensorSignature]:
    """Return the inputs of a model: its payloads, or in their place the inputs of its graph."""
    return [PAYLOAD_SIGNATURE, *map(signature_of, graph_inputs(pipeline))]


def output_signatures(pipeline: ModelInterface) -> Sequence[TensorSignature]:
    """Return the outputs of a model, those included that are computed on request only."""
    return [
        TensorSignature(each.name, datatype_of(each.dtype), (FREE, *each.shape))
        for each in pipeline.answer_tensors.values()
    ]
