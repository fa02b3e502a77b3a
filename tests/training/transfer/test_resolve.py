"""What `--from` names: packages, bundles whose weights come back, folders; and what it does not."""

from pathlib import Path

import pytest
import torch
from torch import nn

from app.bundle import read_bundle
from app.registry import SHIPPED
from tests.training.conftest import REPOSITORY
from training.errors import TrainingError
from training.networks.backbones.freezing import heads
from training.networks.convolutional.classifier import ConvNet
from training.transfer import resolve_network
from training.transfer.copy_weights import copy_backbone
from training.transfer.graph_weights import load_graph_weights

MODELS = REPOSITORY / "models"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "encoder", "files"),
    [
        ("digits", "image", set()),  # batch normalisation folded into convolutions
        ("spoken-digits", "audio", set()),  # some folded, some not
        ("spam", "text", {"tokenizer.json"}),  # an LSTM, and products whose names are lost
        ("listops/1", "tree", {"vocabulary.txt"}),
        ("sentiment", "tree", {"vocabulary.txt"}),  # in float16, over as many words as it was given
    ],
)
def test_a_bundle_gives_its_weights_back(name: str, encoder: str, files: set[str]):
    """`resolve_network` itself compares the network's answers with the golden cases."""
    source = resolve_network(name, "image", MODELS)
    assert source.encoder.kind == encoder and set(source.files) == files
    fresh, again = source.build(7), source.build(7)
    for network in (fresh, again):
        source.load_weights(network)
    last = {id(p) for head in heads(fresh) for p in head.parameters()}
    kept = dict(again.named_parameters())
    for key, weight in fresh.named_parameters():
        if id(weight) not in last and weight.shape[-1] != 7:  # bags have a column for every label
            assert torch.equal(weight, kept[key]), key


def test_another_network_is_refused():
    model = read_bundle(MODELS / "digits" / "1", SHIPPED).model
    with pytest.raises(TrainingError, match=r"'features\.0\.0\.weight' has the shape \(24, 1, 3"):
        load_graph_weights(ConvNet(1, 10, width=8), model)
    with pytest.raises(TrainingError, match=r"no weight 'weight' of the network"):
        load_graph_weights(nn.Linear(3, 2), model)


def test_the_last_layer_is_left_alone():
    trained, network = ConvNet(1, 10, width=2), ConvNet(1, 4, width=2)
    head = network.head.weight.clone()
    copy_backbone(network, trained)
    assert torch.equal(network.head.weight, head)
    assert torch.equal(network.features[0][0].weight, trained.features[0][0].weight)
    with pytest.raises(TrainingError, match="only one has"):
        copy_backbone(network, nn.Linear(2, 4))


def test_a_source_without_a_trained_network_is_refused(tmp_path: Path):
    cases = {
        "nowhere": "--from nowhere: neither imagenet, minilm, nor a bundle in",
        str(tmp_path): r"neither a bundle \(manifest.json\) nor a backbone \(config.json\)",
    }
    for given, complaint in cases.items():
        with pytest.raises(TrainingError, match=complaint):
            resolve_network(given, "image", tmp_path / "models")
    with pytest.raises(TrainingError, match="name one: --from"):
        resolve_network(None, "tree", tmp_path)


def test_the_default_network_is_a_shipped_bundle_wherever_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(REPOSITORY)
    assert resolve_network(None, "audio", tmp_path).name == "spoken-digits/1"
    with pytest.raises(TrainingError, match="nor a bundle in"):
        resolve_network("spoken-digits", "audio", tmp_path)
