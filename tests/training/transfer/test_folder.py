"""Folders of the library transformers: what they say, and that the network is theirs."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from app.bundle import read_bundle
from app.modalities.image.spec import ImageSpec
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from tests.training.recipes.test_auto import images, texts
from tests.training.samples import WORDS
from training.cli import main
from training.errors import TrainingError
from training.transfer.folder import image_spec, network_from_folder

MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.2, 0.25]
STEPS = {"size": {"height": 32, "width": 32}, "image_mean": MEAN, "image_std": STD, "resample": 3}


def resnet(folder: Path) -> Path:
    from transformers import ResNetConfig, ResNetModel

    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1])
    ResNetModel(config).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(STEPS))
    return folder


def bert(folder: Path) -> Path:
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    words = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", *" ".join(WORDS.values()).split()]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer.enable_padding(length=20)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=40,
    )
    BertModel(config).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (STEPS, {"height": 32, "width": 32, "fit": "stretch", "resample": "bicubic"}),
        (  # ViT of old
            {"size": 224, "resample": 2},
            {"height": 224, "width": 224, "fit": "stretch", "resample": "bilinear"},
        ),
        (  # ResNet, ConvNeXt
            {"size": {"shortest_edge": 224}, "crop_pct": 0.875, "resample": 3},
            {"height": 224, "width": 224, "fit": "crop", "crop_fraction": 0.875},
        ),
        (  # MobileNetV2, DINOv2
            {
                "size": {"shortest_edge": 256},
                "do_center_crop": True,
                "crop_size": {"height": 224, "width": 224},
                "resample": 2,
            },
            {
                "height": 224,
                "width": 224,
                "fit": "crop",
                "crop_fraction": 0.875,
                "resample": "bilinear",
            },
        ),
    ],
)
def test_a_backbones_steps_are_those_of_our_encoder(steps: dict[str, Any], expected: dict):
    assert image_spec(steps) == ImageSpec(**expected)


def test_a_picture_is_read_as_the_library_would(tmp_path: Path):
    from transformers import ResNetModel

    source = network_from_folder(resnet(tmp_path / "small resnet"))
    network = source.build(3)
    source.load_weights(network)
    image = torch.randint(0, 256, (2, 32, 32, 3), dtype=torch.uint8)
    pixels = (image.permute(0, 3, 1, 2) / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(
        STD
    ).view(3, 1, 1)
    model = ResNetModel.from_pretrained(tmp_path / "small resnet").eval()
    with torch.no_grad():
        expected = model(pixels).pooler_output.flatten(1)
        torch.testing.assert_close(network.eval().read(image).embedding, expected)
    assert source.name == "small resnet"


def test_the_last_linear_layer_of_a_backbone_is_no_head(tmp_path: Path):
    """ConvNeXt ends in one, and it is trained like all others."""
    from transformers import ConvNextConfig, ConvNextModel

    torch.manual_seed(0)
    model = ConvNextModel(ConvNextConfig(hidden_sizes=[8, 8, 8, 8], depths=[1, 1, 1, 1]))
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(STEPS))
    source = network_from_folder(tmp_path)
    network = source.build(3)
    source.load_weights(network)
    weights = network.model.state_dict()
    for name, weight in model.state_dict().items():
        assert torch.equal(weights[name], weight), name


def test_a_text_is_read_as_the_library_would(tmp_path: Path):
    from transformers import BertModel

    source = network_from_folder(bert(tmp_path / "bert"))
    network = source.build(2)
    source.load_weights(network)
    network.eval()
    model = BertModel.from_pretrained(tmp_path / "bert").eval()
    with torch.no_grad():
        expected = model(torch.tensor([[1, 7, 9, 2]])).last_hidden_state.mean(1)
        for tokens in ([7, 9], [7, 9, 0, 0, 0]):  # padded = unpadded
            output = network.read(torch.tensor([tokens]), torch.tensor([2]))
            torch.testing.assert_close(output.embedding, expected)
            assert output.attribution is not None
            attribution = output.attribution(torch.tensor([1]))
            assert attribution.shape == (1, len(tokens)) and (attribution[0, 2:] == 0).all()
    assert source.encoder.max_tokens == 37
    tokenizer = Tokenizer.from_str(source.files["tokenizer.json"].decode())
    assert len(tokenizer.encode("meeting report", add_special_tokens=False).ids) == 2


def test_a_folder_of_an_unknown_or_incomplete_network_is_refused(tmp_path: Path):
    folder = tmp_path / "odd"
    folder.mkdir()
    config = folder / "config.json"
    config.write_text("no json")
    with pytest.raises(TrainingError, match=r"config\.json is not JSON"):
        network_from_folder(folder)
    config.write_text('{"model_type": "mamba"}')
    with pytest.raises(TrainingError, match="the architecture 'mamba' is not known; resnet,"):
        network_from_folder(folder)
    config.write_text('{"model_type": "resnet"}')
    with pytest.raises(TrainingError, match=r"holds no \*\.safetensors"):
        network_from_folder(folder)
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(TrainingError, match=r"preprocessor_config\.json is missing"):
        network_from_folder(folder)
    (folder / "preprocessor_config.json").write_text("{}")
    with pytest.raises(TrainingError, match="says no size"):
        network_from_folder(folder)


def test_weights_that_do_not_fit_are_refused(tmp_path: Path):
    folder = resnet(tmp_path / "resnet")
    path = folder / "model.safetensors"
    weights = load_file(path)
    name = next(name for name in sorted(weights) if name.endswith("convolution.weight"))
    save_file({k: v for k, v in weights.items() if k != name}, path, {"format": "pt"})
    with pytest.raises(TrainingError, match=f"the weights lack {name}"):
        network_from_folder(folder)
    path.write_bytes(b"broken")
    with pytest.raises(TrainingError, match="--from resnet: cannot be loaded"):
        network_from_folder(folder)


@pytest.mark.training
@pytest.mark.parametrize(("make", "write"), [(resnet, images), (bert, texts)])
def test_a_backbone_becomes_a_bundle(make: Any, write: Any, tmp_path: Path):
    data, folder, models = write(tmp_path, 12), make(tmp_path / "backbone"), tmp_path / "models"
    command = [
        "run",
        "--data",
        data,
        "--start",
        "pretrained",
        "--from",
        folder,
        "--name",
        "mine",
        "--force",
    ]
    command += ["--models", models, "--epochs", "2", "--force"]
    assert main([str(word) for word in command]) == 0
    bundle = read_bundle(models / "mine" / "1", SHIPPED)
    assert replay(bundle, Pipeline(bundle)) == []
    origin = bundle.manifest.provenance
    assert (origin.start, origin.source) == ("pretrained", "backbone")
    assert str(tmp_path).encode() not in bundle.model
