"""The statistics of a spectrogram under a kernel, in torch and in ONNX, and their attribution."""

import numpy as np
import pytest
import torch

from tests.training.networks.audio.test_spectrogram import RATE, check_graph, clips
from training.networks.audio.spectrum_statistics import SpectrumStatistics


def network(centres: int = 3) -> SpectrumStatistics:
    torch.manual_seed(1)
    made = SpectrumStatistics(classes=3, rate=RATE).eval()
    noise = torch.randn(centres, 4_000) * torch.linspace(1, 99, 4_000)
    made.set_centres(made.statistics(torch.cat([clips(), noise])).detach())
    return made


def test_the_statistics_are_those_of_the_bands() -> None:
    made = network()
    level = made.spectrogram(clips()).numpy().astype(np.float64)
    moved = np.abs(np.diff(level, axis=2)).sum(axis=2) / level.shape[2]
    expected = [level.mean(axis=2), level.std(axis=2), moved, level.max(axis=2)]
    assert np.allclose(made.statistics(clips()), np.concatenate(expected, axis=1), atol=1e-3)


def test_features_of_the_centres_have_the_kernel_as_their_products() -> None:
    made = network()
    embedding = made.read(clips()).embedding.double()
    numbers = ((made.statistics(clips()) - made.average) / made.deviation).double()
    distances = (numbers[:, None] - numbers).square().mean(2)
    assert torch.allclose(embedding @ embedding.T, torch.exp(-0.3 * distances), atol=1e-3)


def test_centres_that_are_equal_have_finite_features() -> None:
    made = network()
    made.set_centres(made.statistics(clips()[:1]).repeat(4, 1))
    assert torch.isfinite(made.read(clips()).logits).all()


@pytest.mark.parametrize("samples", [3_900, 4_000])  # an odd and an even number of frames
def test_the_attribution_sums_to_what_sets_the_logit_apart(samples: int) -> None:
    made = network()
    read = made.read(clips()[:, :samples])
    labels = torch.tensor([0, 2, 1])
    assert read.attribution is not None
    cells = read.attribution(labels)
    assert cells.shape[1] + 1 == len(made.bands())
    of_the_mean = made.head(made._kernel(torch.zeros(1, made.centres.shape[1])) @ made.root)
    logits = read.logits - of_the_mean
    expected = (logits - logits.mean(1, keepdim=True))[torch.arange(3), labels]
    assert expected.abs().min() > 1e-3
    assert torch.allclose(cells.sum((1, 2)), expected, atol=1e-4)


def test_the_slopes_are_those_of_autograd() -> None:
    made = network()
    numbers, weights = torch.randn(2, 160), torch.randn(2, len(made.centres))
    moved = (torch.linspace(0, 1, 2_001)[:, None, None] * numbers).requires_grad_()
    total = (made._kernel(moved.reshape(-1, 160)).reshape(-1, 2, len(made.centres)) * weights).sum()
    (gradient,) = torch.autograd.grad(total, moved)
    assert torch.allclose(made._slopes(numbers, weights), gradient.mean(0), atol=1e-4)


def test_silence_has_finite_statistics() -> None:
    silence = torch.zeros(2, 4_000, dtype=torch.int16)
    read = network().read(silence)
    assert read.attribution is not None
    assert torch.isfinite(read.logits).all()
    assert torch.isfinite(read.attribution(torch.tensor([0, 1]))).all()


def test_the_exported_graph_gives_the_same() -> None:
    check_graph(network())
