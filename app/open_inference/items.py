"""The tensors of a request → the payloads of its items, one for each place on their first axis.

The datatype says what is meant: BYTES are encoded files or texts, which the model's encoder reads;
numbers are the inputs of its graph, which no encoder reads. They are compared with the model's own
inputs, and their axes with the limits that its encoder keeps, before their elements are read.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from app.bundle.tensors import TensorSpec
from app.errors import InvalidInput, InvalidTensor, TooLarge
from app.modalities import Payload
from app.modalities.payload import SNIFFED, TensorPayload
from app.names import unknown_name
from app.open_inference.datatypes import BYTES, check_datatype
from app.open_inference.sent_tensor import SentTensor, read_elements, read_numbers
from app.open_inference.signature import PAYLOAD, PAYLOAD_SIGNATURE, graph_inputs, signature_of
from app.pipeline import ModelInterface

# (an element that is text, the content type that was sent with it) -> a payload
ReadText = Callable[[str, str], Payload]
_CONTENT_TYPE = "content_type"  # a parameter of MLServer's clients


def payloads_of(
    pipeline: ModelInterface, tensors: Sequence[SentTensor], max_items: int, read_text: ReadText
) -> list[Payload]:
    """Return the items of a request; raise `InvalidTensor`, or `TooLarge` for too many."""
    specs = graph_inputs(pipeline)
    names = [tensor.name for tensor in tensors]
    if len(set(names)) < len(names):
        raise InvalidTensor("expected each input once, got one of them twice")
    for tensor in tensors:
        check_datatype(tensor.datatype)
        _check_name(tensor, specs)
    encoded = [tensor for tensor in tensors if tensor.datatype == BYTES]
    if encoded and len(tensors) == 1:
        return _of_elements(encoded[0], max_items, read_text)
    if not tensors or encoded:
        graph = " and ".join(spec.name for spec in specs)
        raise InvalidTensor(
            f"expected the input {PAYLOAD} of BYTES" + (f", or {graph} without it" * bool(specs))
        )
    return _of_graph_inputs(pipeline, specs, {each.name: each for each in tensors}, max_items)


def _check_name(tensor: SentTensor, specs: Sequence[TensorSpec]) -> None:
    if tensor.datatype == BYTES and tensor.name == PAYLOAD:
        return
    known = {spec.name: signature_of(spec) for spec in specs}
    signature = known.get(tensor.name, PAYLOAD_SIGNATURE if tensor.name == PAYLOAD else None)
    if signature is None:
        raise InvalidTensor(unknown_name("input", tensor.name, [PAYLOAD, *known]))
    if tensor.datatype != signature.datatype or len(tensor.shape) != len(signature.shape):
        raise InvalidTensor(f"{signature.name}: expected {signature.about}, got {tensor.about}")


def _of_elements(tensor: SentTensor, max_items: int, read_text: ReadText) -> list[Payload]:
    # Some clients send a column.
    if len(tensor.shape) != 1 and not (len(tensor.shape) == 2 and tensor.shape[1] == 1):
        raise InvalidTensor(f"{PAYLOAD}: expected {PAYLOAD_SIGNATURE.about}, got {tensor.about}")
    _check_items(tensor.shape[0], max_items)
    content_type = tensor.parameters.get(_CONTENT_TYPE, "")
    if not isinstance(content_type, str):
        raise InvalidTensor(f"{_CONTENT_TYPE}: expected a text")
    payloads = []
    for element in read_elements(tensor):
        if isinstance(element, bytes):
            declared = content_type if "/" in content_type else SNIFFED
            payloads.append(Payload(element, declared))
        elif isinstance(element, str):
            payloads.append(read_text(element, content_type))
        else:
            raise InvalidTensor(f"{PAYLOAD}: expected texts in data, got something else")
    return payloads


def _of_graph_inputs(
    pipeline: ModelInterface,
    specs: Sequence[TensorSpec],
    tensors: Mapping[str, SentTensor],
    max_items: int,
) -> list[Payload]:
    if missing := [spec.name for spec in specs if spec.name not in tensors]:
        raise InvalidTensor(f"the input {missing[0]} is missing; its graph takes it too")
    axes = {"batch": tensors[specs[0].name].shape[0]}
    for spec in specs:
        _check_shape(tensors[spec.name], spec, axes, pipeline.manifest.encoder.longest())
    _check_items(axes["batch"], max_items)
    own_names = [spec.name for spec in pipeline.manifest.encoder.tensors()]
    arrays = {
        own: read_numbers(tensors[spec.name]) for own, spec in zip(own_names, specs, strict=True)
    }
    assert pipeline.modality.take_tensors is not None
    try:
        cost = pipeline.modality.take_tensors(pipeline.encoder, arrays)
    except InvalidInput as error:
        raise invalid_item(error) from None
    return [_item(arrays, row, cost) for row in range(axes["batch"])]


def _item(arrays: Mapping[str, np.ndarray], row: int, cost: float) -> TensorPayload:
    own = {name: np.asarray(array[row]) for name, array in arrays.items()}
    return TensorPayload(data=b"", media_type=SNIFFED, arrays=own, cost=cost)


def _check_shape(
    tensor: SentTensor, spec: TensorSpec, axes: dict[str, int], longest: Mapping[str, int]
) -> None:
    """Compare sizes with the model's; note those of named axes, which several inputs share."""
    for size, wanted in zip(tensor.shape, spec.shape, strict=True):
        expected = axes.setdefault(wanted, size) if isinstance(wanted, str) else wanted
        if size != expected:
            raise InvalidTensor(
                f"{spec.name}: expected {signature_of(spec).about} and sizes that agree with those "
                f"of the other inputs, got {tensor.about}"
            )
        most = longest.get(str(wanted))
        if most is not None and not 1 <= size <= most:
            raise InvalidTensor(f"{spec.name}: expected 1 to {most} on the axis {wanted}")


def _check_items(count: int, max_items: int) -> None:
    if count < 1:
        raise InvalidTensor("expected at least one item, got none")
    if count > max_items:
        raise TooLarge(f"expected at most {max_items} items, got {count}")


def invalid_item(error: InvalidInput) -> InvalidTensor:
    """Return an error about an item as one about the request, with the place of the item."""
    which = "" if error.index is None else f"item {error.index}: "
    return InvalidTensor(f"{which}{error}")
