import onnxruntime
import pytest

from app.bundle.tensors import TensorSpec
from app.errors import InvalidBundle
from app.modalities.image.spec import ImageSpec
from app.runtime.signature import Signature
from tests import fakes

OUTPUT = TensorSpec(name="probabilities", dtype="float32", shape=("batch", 3))
RIGHT = ImageSpec(height=8, width=8).tensors()


def signature_of(model: bytes) -> Signature:
    return Signature(onnxruntime.InferenceSession(model))


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [
        (ImageSpec(height=8, width=9).tensors(), [OUTPUT]),
        (ImageSpec(height=8, width=8, dtype="float32").tensors(), [OUTPUT]),
        (RIGHT, [OUTPUT.model_copy(update={"name": "scores"})]),
        (RIGHT, [OUTPUT.model_copy(update={"shape": ("batch", 4)})]),
    ],
)
def test_a_manifest_that_contradicts_the_graph_is_refused(inputs, outputs) -> None:
    signature = signature_of(fakes.image_graph())
    signature.check(RIGHT, [OUTPUT])
    with pytest.raises(InvalidBundle, match="the manifest says"):
        signature.check(inputs, outputs)


def test_the_tensors_are_read_from_the_graph() -> None:
    inputs, outputs = signature_of(fakes.image_graph()).tensors()
    assert [(spec.name, spec.dtype, spec.shape) for spec in inputs] == [
        ("image", "uint8", ("batch", 8, 8, 3))
    ]
    assert outputs == (OUTPUT,)


@pytest.mark.parametrize(
    ("graph", "fixed_inputs"),
    [
        (fakes.image_graph(), True),
        (fakes.text_graph(11), False),
        (fakes.tree_graph(11), False),
    ],
)
def test_dynamic_axes_other_than_the_batch_are_found(graph: bytes, fixed_inputs: bool) -> None:
    assert signature_of(graph).has_fixed_inputs() == fixed_inputs
