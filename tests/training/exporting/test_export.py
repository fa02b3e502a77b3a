"""torch → ONNX: free axes, proved parity, nothing of this machine inside."""

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from app.bundle.tensors import PROBABILITIES, TensorSpec
from app.runtime.session import Session
from tests.training.samples import SENTENCE, SQUARE, Toy, sentences, squares
from training.errors import TrainingError
from training.exporting.export import Servable, check_parity, export, output_specs
from training.networks.heads.model_output import ModelOutput

pytestmark = pytest.mark.slow


class Counting(nn.Module):
    """Logits from how often each token comes: any batch, any time."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 2)

    def forward(self, tokens: Tensor, length: Tensor) -> Tensor:
        mask = torch.arange(tokens.shape[1]) < length.unsqueeze(1)
        return (self.embed(tokens) * mask.unsqueeze(2)).sum(1)


def tensors(examples, indices) -> list[Tensor]:
    return [torch.from_numpy(array) for array in examples.batch(indices)[0]]


@pytest.fixture(scope="module")
def servable() -> Servable:
    torch.manual_seed(0)
    return Servable(Toy(), temperature=1.7)


@pytest.fixture(scope="module")
def model(servable: Servable) -> bytes:
    return export(servable, SQUARE, tensors(squares(2, seed=0), [0, 1]))


def test_export_is_deterministic(servable: Servable, model: bytes):
    assert export(servable, SQUARE, tensors(squares(2, seed=5), [0, 1])) == model


def test_exported_graph_has_no_trace_of_the_machine(model: bytes):
    for trace in (b"/work", b"site-packages", b"/home", b"/tmp", b".py", b"Traceback"):
        assert trace not in model


def test_graph_ends_in_probabilities_at_the_temperature(servable: Servable, model: bytes):
    examples = squares(9, seed=1)
    (images,), _ = examples.batch(range(9))
    with torch.no_grad():
        logits = servable.network(torch.from_numpy(images)).numpy()
    expected = np.exp(logits / 1.7) / np.exp(logits / 1.7).sum(axis=1, keepdims=True)
    actual = Session(model).run({"image": images})[PROBABILITIES]
    assert actual.dtype == np.float32
    assert np.allclose(actual, expected, atol=1e-6)


@pytest.mark.parametrize(
    "lengths",
    [pytest.param([5, 3], marks=pytest.mark.training), [1, 1]],
    ids=["usual", "single tokens"],
)
def test_named_axes_are_dynamic(lengths: list[int]):
    servable = Servable(Counting())
    model = export(servable, SENTENCE, tensors(sentences(lengths, 20), [0, 1]))
    shapes = {
        value.name: [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*onnx.load_from_string(model).graph.input,)
    }
    assert shapes == {"tokens": ["batch", "time"], "length": ["batch"]}
    examples = sentences([1, 7, 2, 19, 1] * 8, 20, seed=2)
    assert check_parity(model, servable, examples, SENTENCE) < 1e-6


@pytest.mark.training
def test_export_refuses_a_fixed_axis():
    class Fixed(nn.Module):
        def forward(self, tokens: Tensor, length: Tensor) -> Tensor:
            return tokens.reshape(2, -1)[:, :2].float() + length.reshape(2, 1)

    with pytest.raises(TrainingError, match=r"exporter fixed|cannot be exported"):
        export(Servable(Fixed()), SENTENCE, tensors(sentences([5, 3], 20), [0, 1]))


class Telling(Toy):
    """Has the mean of its input as the embedding, and its own pixels as the attribution."""

    def read(self, image: Tensor) -> ModelOutput:
        pixels = image.squeeze(3).float() / 255
        embedding = pixels.mean(2)
        return ModelOutput(self(image), embedding, lambda labels: pixels * labels[:, None, None])


class Farness(nn.Module):
    def forward(self, embedding: Tensor, logits: Tensor) -> Tensor:
        return torch.sigmoid(embedding.sum(1) + logits[:, 0])


def test_parity_of_every_output():
    torch.manual_seed(0)
    served = Servable(Telling(), 1.3, Farness())
    example = tensors(squares(2, seed=0), [0, 1])
    model = export(served, SQUARE, example, ("row", "column"))
    specs = output_specs(model, SQUARE)
    assert {spec.name: spec.shape for spec in specs} == {
        "probabilities": ("batch", 2),
        "embedding": ("batch", 4),
        "saliency": ("batch", "row", "column"),
        "novelty": ("batch",),
    }
    examples = squares(40, seed=3)
    assert check_parity(model, served, examples, SQUARE) < 1e-6
    session = Session(model)
    feeds = {"image": examples.batch(range(40))[0][0]}
    assert "saliency" not in session.run(feeds)
    asked = session.run(feeds, explain=True)
    assert asked["saliency"].shape == (40, 4, 4) and (asked["saliency"] > 0).any()
    assert (asked["probabilities"] == session.run(feeds)["probabilities"]).all()
    head = Servable(served.network, 1.3, nn.Bilinear(4, 2, 1))  # of another shape: (batch, 1)
    with pytest.raises(TrainingError, match="differ by"):
        check_parity(model, head, examples, SQUARE)


class Placing(nn.Module):
    """Looks up a table at places that are always the same, which the exporter computes at once."""

    def __init__(self) -> None:
        super().__init__()
        self.places, self.head = nn.Embedding(16, 1), nn.Linear(16, 2)

    def forward(self, image: Tensor) -> Tensor:
        return self.read(image).logits

    def read(self, image: Tensor) -> ModelOutput:
        embedding = image.flatten(1).float() / 255 + self.places(torch.arange(16))[:, 0]
        return ModelOutput(self.head(embedding), embedding)


def test_inner_value_named_like_an_output():
    torch.manual_seed(0)
    served = Servable(Placing())
    model = export(served, SQUARE, tensors(squares(2, seed=0), [0, 1]))
    assert check_parity(model, served, squares(40, seed=3), SQUARE) < 1e-5


def test_parity_refuses_the_graph_of_another_network(model: bytes):
    torch.manual_seed(9)
    other = Servable(Toy())
    with pytest.raises(TrainingError, match=r"differ by .* nothing is published"):
        check_parity(model, other, squares(20, seed=1), SQUARE)


def test_parity_refuses_nan(servable: Servable, model: bytes):
    broken = Servable(Toy(), temperature=float("nan"))
    with pytest.raises(TrainingError, match="differ by nan"):
        check_parity(model, broken, squares(20, seed=1), SQUARE)


def test_parity_refuses_tensors_that_the_encoder_does_not_make(servable: Servable, model: bytes):
    wrong = (TensorSpec(name="image", dtype="uint8", shape=("batch", 5, 5, 1)),)
    with pytest.raises(Exception, match="the manifest says"):
        check_parity(model, servable, squares(3, seed=1), wrong)
