"""Tuning: what is frozen stays, and computing the trunk once is computing it every time."""

import copy
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from tests.training.encoders import contextual
from tests.training.networks.tree.test_contextual import examples as sentences
from tests.training.samples import gray_pictures, squares, toy_recipe
from tests.training.transfer.test_features import Reader
from training.data.encode import root_node_targets
from training.fitting.fit import Schedule, parameter_groups
from training.measuring.evaluate import logits_of
from training.networks.backbones.efficientnet import empty_efficientnet_lite0
from training.networks.backbones.freezing import freeze, heads
from training.networks.heads.model_output import ModelOutput
from training.transfer.tuning import compute, tune


class Half(nn.Module):
    """One of two halves: layers that keep the size, and (the second) a last layer."""

    def __init__(self, layers: nn.Sequential, head: nn.Linear | None = None) -> None:
        super().__init__()
        self.layers = layers
        if head is not None:
            self.head = head

    def forward(self, image: Tensor) -> Tensor:
        state = self.layers(image.to(torch.float32).flatten(1) / 255)
        return self.head(state) if hasattr(self, "head") else state * 255

    def read(self, state: Tensor) -> ModelOutput:
        features = self.layers(state.flatten(1) / 255)
        return ModelOutput(self.head(features), features)


class Cuttable(nn.Module):
    """Two layers with batch normalisation that can be cut after the first."""

    def __init__(self) -> None:
        super().__init__()
        self.early = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16))
        self.late = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16))
        self.head = nn.Linear(16, 2)

    def forward(self, image: Tensor) -> Tensor:
        return Half(self.late, self.head)(Half(self.early)(image))

    def cut(self) -> tuple[nn.Module, nn.Module]:
        return Half(self.early), Half(self.late, self.head)


RECIPE = toy_recipe(
    gray_pictures(),
    schedule=Schedule(epochs=2, batch_size=8, learning_rate=0.01, backbone_lr_scale=0.5),
)


def test_tuning_changes_the_last_layers_only():
    torch.manual_seed(0)
    network = Cuttable()
    before = copy.deepcopy(network.state_dict())
    history = tune(network, squares(40, 1), squares(16, 2), RECIPE, share=3 / 5)
    after = network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"late.0.weight", "late.0.bias", "late.1.weight", "late.1.bias"} | {
        "head.weight",
        "head.bias",
    }
    assert len(history.epochs) == 2 and history.epochs[-1].accuracy == 1.0
    assert not network.training


def test_trees_are_tuned_by_the_labels_of_their_roots():
    torch.manual_seed(0)
    network, trees = contextual(2), sentences("0123456", 40, 1)
    trees = replace(trees, targets=np.asarray([int(7 in t["tokens"]) for t in trees.items]))
    before = copy.deepcopy(network.state_dict())
    taught = replace(trees, node_targets=root_node_targets(trees))
    history = tune(network, taught, trees, RECIPE, share=1.0)
    after = network.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed >= {"bias", "head.weight"} and "embed.pieces" not in changed
    assert any(name.startswith("embed.encoder") for name in changed)
    assert len(history.epochs) == 2 and not network.training


def test_the_trunk_computed_once_is_the_whole():
    network, examples = Cuttable().eval(), squares(20, 3)
    trunk, tail = network.cut()
    np.testing.assert_allclose(
        logits_of(tail, compute(trunk, examples)), logits_of(network, examples), atol=1e-6
    )


def test_the_pretrained_network_can_be_cut():
    torch.manual_seed(0)
    network = empty_efficientnet_lite0(3).eval()
    freeze(network, 1 / 3)
    trunk, tail = network.cut()
    assert len(trunk.blocks) == 11 and len(tail.blocks) == 5
    image = torch.randint(0, 256, (1, 224, 224, 3), dtype=torch.uint8)
    with torch.no_grad():
        torch.testing.assert_close(tail(trunk(image)), network(image))
    assert tail.read(torch.zeros(1, *trunk(image).shape[1:])).embedding.shape == (1, 1280)


def test_the_last_layer_learns_faster():
    network = Reader()
    groups = parameter_groups(
        network, Schedule(epochs=1, learning_rate=0.1, backbone_lr_scale=0.5, weight_decay=0.2)
    )
    head = {id(parameter) for parameter in heads(network)[0].parameters()}
    for group in groups:
        for parameter in group["params"]:
            assert group["lr"] == (0.1 if id(parameter) in head else 0.05)
            assert group["weight_decay"] == (0.2 if parameter.ndim > 1 else 0)
    assert sum(len(group["params"]) for group in groups) == 4
