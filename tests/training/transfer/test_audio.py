"""Folders whose models hear: in the graph a sound becomes what the library makes of it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from app.bundle import read_bundle
from app.modalities import Payload, encoder_for
from app.modalities.audio.loudest import window
from app.modalities.audio.spec import AudioSpec
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from app.runtime.session import Session
from app.tasks.classify import ClassifyOptions
from tests.training.conftest import REPOSITORY
from tests.training.recipes.test_auto import SOUNDS, sounds
from tests.training.samples import gray_pictures, sound, toy_recipe
from training.cli import main
from training.data.dataset import Dataset, Sample
from training.errors import BadData, TrainingError
from training.exporting.export import Servable, export
from training.networks.audio.backbone import WAVEFORMS
from training.networks.audio.waveform import uncentred
from training.transfer import apply_source
from training.transfer.folder import network_from_folder

pytestmark = pytest.mark.filterwarnings("ignore:At least one mel filter")  # AST's own, between bins

SPEECH = REPOSITORY / "training" / "golden" / "spoken-digits" / "nine.wav"
RATE = 16_000
SMALL = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "initializer_range": 0.4,  # so that random answers depend on what is heard
}
CONVOLUTIONS = {
    "conv_dim": (8, 8, 8),
    "conv_stride": (5, 8, 8),
    "conv_kernel": (10, 8, 8),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
}
MASKED = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}


def save(folder: Path, config: Any, extractor: Any) -> Path:
    from transformers import AutoModel

    torch.manual_seed(0)
    AutoModel.from_config(config).save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder


def ast(folder: Path, **steps: Any) -> Path:
    from transformers import ASTConfig, ASTFeatureExtractor

    said = {"num_mel_bins": 128, "max_length": 160}
    return save(folder, ASTConfig(**SMALL, **said), ASTFeatureExtractor(**said | steps))


def waves(folder: Path, kind: str = "wav2vec2", masked: bool = False, **more: Any) -> Path:
    from transformers import AutoConfig, Wav2Vec2FeatureExtractor

    config = AutoConfig.for_model(kind, **SMALL, **CONVOLUTIONS, **MASKED if masked else {}, **more)
    return save(folder, config, Wav2Vec2FeatureExtractor(return_attention_mask=masked))


def whisper(folder: Path) -> Path:
    from transformers import WhisperConfig, WhisperFeatureExtractor

    parts = {f"{part}_attention_heads": 2 for part in ("encoder", "decoder")}
    parts |= {f"{part}_ffn_dim": 32 for part in ("encoder", "decoder")}
    config = WhisperConfig(
        d_model=16,
        encoder_layers=2,
        decoder_layers=1,
        max_source_positions=100,
        vocab_size=60,
        init_std=0.4,
        **dict.fromkeys(("pad_token_id", "bos_token_id", "decoder_start_token_id"), 0),
        eos_token_id=1,
        **parts,
    )
    return save(folder, config, WhisperFeatureExtractor(chunk_length=2))


def speech() -> np.ndarray:
    """A second of speech, int16 (16000,), as the service's encoder hears it."""
    payload = Payload(SPEECH.read_bytes(), "audio/wav")
    return encoder_for(AudioSpec(rate=RATE, samples=RATE), {}).encode(payload).arrays["pcm"]


def heard_as(kind: str, rng: np.random.Generator, seconds: float) -> Sample:
    return Sample(kind, Payload(sound(kind, rng, seconds=seconds), "audio/wav"), kind)


def windows(pcm: np.ndarray, size: int) -> torch.Tensor:
    """Two windows of one sound and of half of it, (2, size)."""
    return torch.from_numpy(
        np.stack([window(part, size, 16_000)[0] for part in (pcm, pcm[:8_000])])
    )


@pytest.mark.parametrize("make", [ast, waves, whisper])
@pytest.mark.parametrize("size", [RATE, RATE + 4_801])
def test_features_are_those_of_the_librarys_extractor(
    make: Callable[[Path], Path], size: int, tmp_path: Path
):
    from transformers import AutoFeatureExtractor

    extractor = AutoFeatureExtractor.from_pretrained(make(tmp_path / "folder"))
    network, pcm = network_from_folder(tmp_path / "folder").build(2), speech()
    actual = network.features(uncentred(windows(pcm, size)))
    for row, part in zip(actual, (pcm, pcm[:8_000]), strict=True):
        features = extractor(part / np.float32(32768), sampling_rate=RATE, return_tensors="np")
        expected = torch.from_numpy(np.asarray(next(iter(features.values()))[0]))
        if make is waves:
            row, rest = row.split([len(part), size - len(part)])
            assert not rest.any()
        torch.testing.assert_close(row, expected, atol=1e-4, rtol=1e-4)


def test_a_spectrogram_is_embedded_as_the_library_would(tmp_path: Path):
    from transformers import ASTFeatureExtractor, ASTModel

    source = network_from_folder(ast(tmp_path / "ast"))
    network = source.build(2).eval()
    source.load_weights(network)
    pcm = speech()
    output = network.read(windows(pcm, RATE))
    extractor = ASTFeatureExtractor.from_pretrained(tmp_path / "ast")
    features = extractor(pcm / np.float32(32768), sampling_rate=RATE, return_tensors="pt")
    with torch.no_grad():
        expected = ASTModel.from_pretrained(tmp_path / "ast").eval()(**features).pooler_output
    torch.testing.assert_close(output.embedding[:1].detach(), expected, atol=1e-4, rtol=1e-3)
    assert output.attribution is None
    assert (output.embedding[0] - output.embedding[1]).abs().max() > 0.05
    assert source.encoder == AudioSpec(rate=RATE, samples=400 + 159 * 160)


@pytest.mark.parametrize("masked", [False, True])
def test_a_waveform_is_embedded_as_the_library_would(masked: bool, tmp_path: Path):
    """A network that knows the padding answers as without it; another hears zeros, as trained."""
    from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2Model

    source = network_from_folder(waves(tmp_path / "waves", masked=masked))
    network = source.build(3).eval()
    source.load_weights(network)
    pcm = speech()[:8_000]
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(tmp_path / "waves")
    values = extractor(
        pcm / np.float32(32768), sampling_rate=RATE, return_tensors="pt"
    ).input_values
    model = Wav2Vec2Model.from_pretrained(tmp_path / "waves").eval()
    with torch.no_grad():
        output = network.read(windows(speech(), 12_345)[1:])
        frames = int(model._get_feat_extract_output_lengths(len(pcm)))
        heard = values if masked else torch.nn.functional.pad(values, (0, 12_345 - len(pcm)))
        expected = model(heard).last_hidden_state[:, :frames].mean(1)
        other = network.read(windows(speech(), 12_345)[:1]).embedding
    torch.testing.assert_close(output.embedding, expected, atol=1e-4, rtol=1e-3)
    assert (output.embedding - other).abs().max() > 0.05
    assert output.attribution is not None
    attribution = output.attribution(torch.tensor([2]))
    assert attribution.shape == (1, 1, -(-12_345 // 320)) and network.bands() == (0.0, RATE / 2)
    scores = network.head.weight @ output.embedding[0]
    torch.testing.assert_close(attribution.sum(), scores[2] - scores.mean(), atol=1e-5, rtol=1e-4)
    before = (12_345 - 8_000) // 2 // 320
    assert not attribution[0, 0, :before].any() and not attribution[0, 0, before + frames :].any()


def test_the_window_is_as_long_as_the_sounds(tmp_path: Path):
    source = network_from_folder(ast(tmp_path / "ast"))
    rng = np.random.default_rng(0)
    heard = [heard_as("tone", rng, 0.8) for _ in range(4)]
    recipe = apply_source(
        toy_recipe(Dataset("none", "", "", [])), Dataset("none", "", "", []), "features", source
    )
    spec, _ = recipe.prepare(heard)
    assert spec.rate == RATE and 0.6 * RATE < spec.samples < 1.0 * RATE
    assert recipe.prepare([heard_as("tone", rng, 4)])[0] == source.encoder


def test_an_unsuitable_folder_for_sounds_is_refused(tmp_path: Path):
    source = network_from_folder(ast(tmp_path / "ast"))
    with pytest.raises(BadData, match="ast reads sounds, but gray pictures holds image/png"):
        apply_source(toy_recipe(gray_pictures()), gray_pictures(), "pretrained", source)
    with pytest.raises(TrainingError, match="says num_mel_bins 64, the model reads 128"):
        network_from_folder(ast(tmp_path / "ast", num_mel_bins=64))
    with pytest.raises(TrainingError, match="says 8000 Hz; 16000 are known"):
        network_from_folder(ast(tmp_path / "ast", sampling_rate=8000))
    (tmp_path / "ast" / "preprocessor_config.json").unlink()
    with pytest.raises(TrainingError, match=r"ast.preprocessor_config\.json is missing"):
        network_from_folder(tmp_path / "ast")
    with pytest.raises(TrainingError, match="--from waves: a model with an adapter"):
        network_from_folder(waves(tmp_path / "waves", add_adapter=True))
    config = {"model_type": "encodec"}
    (tmp_path / "ast" / "config.json").write_text(json.dumps(config))
    with pytest.raises(TrainingError, match="--from ast: the architecture 'encodec' is not known"):
        network_from_folder(tmp_path / "ast")


FOLDERS: dict[str, Callable[[Path], Path]] = {
    "ast": ast,
    "whisper": whisper,
    **{kind: lambda folder, kind=kind: waves(folder, kind) for kind in WAVEFORMS},
    "wav2vec2, masked": lambda folder: waves(folder, masked=True),
}


@pytest.mark.training  # exporting takes seconds
@pytest.mark.parametrize("kind", FOLDERS)
def test_the_graph_answers_as_torch_does_and_alone_as_in_company(kind: str, tmp_path: Path):
    source = network_from_folder(FOLDERS[kind](tmp_path / "folder"))
    network = source.build(3).eval()
    source.load_weights(network)
    served, spec = Servable(network), AudioSpec(rate=RATE, samples=12_345)
    pcm = torch.cat([windows(speech(), 12_345), windows(speech()[3_000:9_000], 12_345)])
    session = Session(export(served, spec.tensors(), [pcm[:2]], ("band", "frame")))
    together = session.run({"pcm": pcm.numpy()}, explain=True)
    alone = session.run({"pcm": pcm[1:2].numpy()}, explain=True)
    with torch.no_grad():
        expected = served.outputs(pcm)
    assert ("saliency" in expected) == (kind != "ast")
    for name, output in expected.items():
        np.testing.assert_allclose(together[name], output.numpy(), atol=1e-4, err_msg=name)
        np.testing.assert_allclose(together[name][1:2], alone[name], atol=1e-5, err_msg=name)


@pytest.mark.training
@pytest.mark.parametrize("start", ["pretrained", "features"])
@pytest.mark.parametrize("make", [ast, waves, whisper])
def test_a_backbone_becomes_a_bundle(make: Callable[[Path], Path], start: str, tmp_path: Path):
    each = 40 if start == "features" else 20  # of random features many samples make a model
    data, folder, models = sounds(tmp_path, each), make(tmp_path / "backbone"), tmp_path / "models"
    command = [
        "run",
        "--data",
        data,
        "--start",
        start,
        "--from",
        folder,
        "--name",
        "mine",
        "--force",
    ]
    command += ["--models", models, "--force"]
    command += ["--epochs", "4"] if start == "pretrained" else []
    assert main([str(word) for word in command]) == 0
    bundle = read_bundle(models / "mine" / "1", SHIPPED)
    pipeline = Pipeline(bundle)
    assert replay(bundle, pipeline) == []
    origin = bundle.manifest.provenance
    assert (origin.data_path, origin.start, origin.source) == ("sounds", start, "backbone")
    assert isinstance(bundle.manifest.encoder, AudioSpec)
    assert bundle.manifest.encoder.rate == RATE and bundle.manifest.encoder.samples < RATE
    assert str(tmp_path).encode() not in bundle.model
    rng = np.random.default_rng(9)
    fresh = [Payload(sound(kind, rng), "audio/wav") for kind in SOUNDS * 4]
    answers = pipeline.predict(fresh, ClassifyOptions(explain=True))
    assert all((answer.explanation is None) == (make is ast) for answer in answers)
    right = sum(a.label == kind for a, kind in zip(answers, SOUNDS * 4, strict=True))
    assert right >= 6  # of 12, where chance gives 4


def test_a_processor_that_was_saved_whole_is_read(tmp_path: Path):
    from transformers import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor

    source = network_from_folder(waves(tmp_path / "alone"))
    folder = waves(tmp_path / "together")
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(folder)
    (folder / "preprocessor_config.json").unlink()
    (folder / "letters.json").write_text(json.dumps({"<pad>": 0, "<unk>": 1, "|": 2, "a": 3}))
    letters = Wav2Vec2CTCTokenizer(str(folder / "letters.json"))
    Wav2Vec2Processor(extractor, letters).save_pretrained(folder)
    assert not (folder / "preprocessor_config.json").exists()
    assert network_from_folder(folder).encoder == source.encoder
    (folder / "processor_config.json").write_text("{}")
    with pytest.raises(TrainingError, match=r"preprocessor_config\.json is missing"):
        network_from_folder(folder)
