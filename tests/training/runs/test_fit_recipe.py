"""A network is fitted from what its recipe says it starts from."""

from collections.abc import Mapping

import torch
from torch import nn

from tests.training.samples import Toy, gray_pictures, squares, toy_recipe
from training.fitting.fit import Schedule
from training.runs.fit_recipe import train_network


def test_a_network_starts_from_the_files_of_its_bundle() -> None:
    seen: list[bytes] = []

    def initialise(network: nn.Module, files: Mapping[str, bytes]) -> None:
        assert isinstance(network, Toy)
        seen.append(files["a"])
        for weights in network.parameters():
            nn.init.constant_(weights, 0.5)

    still = Schedule(epochs=1, batch_size=8, learning_rate=1e-12, weight_decay=0.0)
    recipe = toy_recipe(gray_pictures(), initialise=initialise, schedule=still)
    network, _ = train_network(recipe, 2, squares(16, 1), squares(8, 2), {"a": b"b"})
    assert seen == [b"b"]
    assert all(torch.allclose(weights, torch.tensor(0.5)) for weights in network.parameters())
