"""The convolutional network takes any size."""

import numpy as np
import pytest
import torch

from app.bundle.tensors import PROBABILITIES
from app.modalities.image.spec import ImageSpec
from app.runtime.session import Session
from training.exporting.export import Servable, export
from training.networks.convolutional.classifier import ConvNet


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (28, 28), (64, 40)])
def test_conv_net_reads_any_size_and_channels(channels: int, height: int, width: int):
    images = torch.randint(0, 256, (3, height, width, channels), dtype=torch.uint8)
    network = ConvNet(channels, 5, width=4).eval()
    with torch.no_grad():
        together = network(images)
        assert together.shape == (3, 5) and together.dtype == torch.float32
        assert torch.allclose(network(images[1:2]), together[1:2], atol=1e-5)


@pytest.mark.training  # exporting takes seconds
def test_the_graph_answers_as_torch_does_for_other_batches():
    torch.manual_seed(1)
    network = ConvNet(1, 4, width=4).eval()
    specs = ImageSpec(height=12, width=16, channels=1).tensors()
    images = torch.randint(0, 256, (7, 12, 16, 1), dtype=torch.uint8)
    session = Session(export(Servable(network), specs, [images[:2]], ("row", "column")))
    with torch.no_grad():
        expected = network(images).softmax(1).numpy()
    for count in (1, 7):
        actual = session.run({"image": images[:count].numpy()})[PROBABILITIES]
        assert np.allclose(actual, expected[:count], atol=1e-5)
