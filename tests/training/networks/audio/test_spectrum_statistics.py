"""The statistics of a spectrogram, in torch and in ONNX, and their exact attribution."""

import numpy as np
import pytest
import torch

from tests.training.networks.audio.test_spectrogram import RATE, check_graph, clips
from training.networks.audio.spectrum_statistics import SpectrumStatistics


@pytest.fixture
def network() -> SpectrumStatistics:
    torch.manual_seed(1)
    return SpectrumStatistics(classes=3, rate=RATE).eval()


def test_the_embedding_is_the_statistics(network: SpectrumStatistics) -> None:
    level = network.spectrogram(clips()).numpy().astype(np.float64)
    moved = np.abs(np.diff(level, axis=2)).sum(axis=2) / level.shape[2]
    expected = [level.mean(axis=2), level.std(axis=2), moved, level.max(axis=2)]
    found = network.read(clips()).embedding.detach().numpy()
    assert np.allclose(found, np.concatenate(expected, axis=1), atol=1e-3)


@pytest.mark.parametrize("samples", [3_900, 4_000])  # an odd and an even number of frames
def test_the_attribution_sums_to_the_logit(network: SpectrumStatistics, samples: int) -> None:
    read = network.read(clips()[:, :samples])
    labels = torch.tensor([0, 2, 1])
    assert read.attribution is not None
    cells = read.attribution(labels)
    assert cells.shape[1] + 1 == len(network.bands())
    logits = read.logits - network.head.bias
    expected = (logits - logits.mean(1, keepdim=True))[torch.arange(3), labels]
    assert torch.allclose(cells.sum((1, 2)), expected, atol=1e-4)


def test_silence_has_finite_statistics(network: SpectrumStatistics) -> None:
    silence = torch.zeros(2, 4_000, dtype=torch.int16)
    read = network.read(silence)
    assert read.attribution is not None
    assert torch.isfinite(read.logits).all()
    assert torch.isfinite(read.attribution(torch.tensor([0, 1]))).all()


def test_the_exported_graph_gives_the_same(network: SpectrumStatistics) -> None:
    check_graph(network)
