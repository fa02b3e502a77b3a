"""Deletion tests of images and sounds: what is removed, and faithful against reversed saliency."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from app.bundle.tensors import TensorSpec
from app.modalities.audio.spec import AudioSpec
from tests.training.samples import SENTENCE, SQUARE, Toy, sentences, squares
from training.exporting.export import Servable, export
from training.measuring.faithfulness import deletion_test, top_fifth
from training.modalities.audio import TRAINING_AUDIO
from training.modalities.image import inpaint
from training.modalities.text import drop_tokens
from training.networks.heads.model_output import ModelOutput

pytestmark = pytest.mark.slow

AUDIO = AudioSpec(rate=8000, samples=4000)
PCM = (TensorSpec(name="pcm", dtype="int16", shape=("batch", 4000)),)


def test_top_fifth_is_the_highest_and_never_all() -> None:
    scores = np.arange(20.0).reshape(4, 5)
    assert np.argwhere(top_fifth(scores)).tolist() == [[3, 1], [3, 2], [3, 3], [3, 4]]
    assert top_fifth(np.zeros(6)).tolist() == [True, True, False, False, False, False]
    assert not top_fifth(np.ones(1)).any()


class Corner(nn.Module):
    """Label 1 for pictures whose first pixel is bright; says so, or says the opposite."""

    def __init__(self, *, honest: bool) -> None:
        super().__init__()
        self.sign = 1.0 if honest else -1.0

    def forward(self, image: Tensor) -> Tensor:
        return self.read(image).logits

    def read(self, image: Tensor) -> ModelOutput:
        pixels = image.squeeze(3).float() / 255
        first = pixels[:, 0, :1]
        place = torch.zeros(4, 4)
        place[0, 0] = self.sign
        logits = torch.cat([torch.full_like(first, 0.1), 9 * first], 1)
        return ModelOutput(logits, first, lambda labels: pixels * 0 + place + 1)


@pytest.mark.parametrize("honest", [True, False])
def test_deletion_tells_faithful_saliency_from_a_reversed_one(honest: bool) -> None:
    served = Servable(Corner(honest=honest))
    pictures = squares(60, seed=1)
    items = [{"image": item["image"] // 4} for item in pictures.items]
    for item in items:
        item["image"][0, 0] = 255
    example = [torch.from_numpy(np.stack([item["image"] for item in items[:2]]))]
    model = export(served, SQUARE, example, ("row", "column"))
    found = deletion_test(model, items, SQUARE, inpaint)
    assert found is not None and found.count == 60
    assert (found.salient > 2 * found.random) == honest  # at random it goes one time in four
    assert [figure.samples for figure in found.measurements("test")] == [60, 60]


def test_deletion_skips_a_graph_without_saliency() -> None:
    pictures = squares(4, seed=1)
    arrays = [torch.from_numpy(array) for array in pictures.batch([0, 1])[0]]
    model = export(Servable(Toy()), SQUARE, arrays)
    assert deletion_test(model, pictures.items, SQUARE, inpaint) is None


class Loudest(nn.Module):
    """Label 1 for texts with token 9; saliency is highest at the padding, then at that token."""

    def forward(self, tokens: Tensor, length: Tensor) -> Tensor:
        return self.read(tokens, length).logits

    def read(self, tokens: Tensor, length: Tensor) -> ModelOutput:
        nine = (tokens == 9).float()
        found = nine.sum(1, keepdim=True) + 0 * length[:, None]
        logits = torch.cat([torch.full_like(found, 0.5), found], 1)
        return ModelOutput(logits, found, lambda labels: nine + 9 * (tokens == 0).float())


def test_deletion_drops_tokens_and_never_looks_at_padding() -> None:
    words = sentences([5, 40], vocabulary=9)
    items = [{**item, "tokens": np.append(item["tokens"][1:], 9)} for item in words.items]
    example = [torch.from_numpy(array) for array in words.batch([0, 1])[0]]
    model = export(Servable(Loudest()), SENTENCE, example, ("time",))
    found = deletion_test(model, items, SENTENCE, drop_tokens)
    assert found is not None and found.salient > 0.2 and found.random < found.salient


class Pitch(nn.Module):
    """Label 1 for sounds that hold a high tone: a sum over the steps between samples."""

    def forward(self, pcm: Tensor) -> Tensor:
        return self.read(pcm).logits

    def read(self, pcm: Tensor) -> ModelOutput:
        steps = (pcm[:, 1:].float() - pcm[:, :-1].float()).abs().mean(1, keepdim=True) / 1000
        logits = torch.cat([torch.full_like(steps, 0.5), steps], 1)
        place = torch.tensor([[0.0], [1.0]]).expand(2, 5)
        return ModelOutput(logits, steps, lambda labels: place + 0 * steps[:, :, None])


def test_deletion_silences_a_band_of_a_sound() -> None:
    time = np.arange(4000) / 8000
    tone = 4000 * np.sin(2 * np.pi * 3000 * time) + 4000 * np.sin(2 * np.pi * 200 * time)
    items = [{"pcm": tone.astype(np.int16)}] * 4
    example = [torch.from_numpy(np.stack([item["pcm"] for item in items[:2]]))]
    model = export(Servable(Pitch()), PCM, example, ("band", "frame"))
    found = deletion_test(model, items, PCM, TRAINING_AUDIO.remover(AUDIO, (60, 1000, 3900)))
    assert found is not None and 0 < found.random < found.salient
