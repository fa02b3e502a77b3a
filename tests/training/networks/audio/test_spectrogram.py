"""The log-mel spectrogram is the textbook's, at any level, in torch and in ONNX."""

import numpy as np
import pytest
import torch

from app.bundle.tensors import EMBEDDING, PROBABILITIES, SALIENCY, TensorSpec
from app.runtime.session import Session
from training.exporting.export import Servable, export
from training.networks.audio import spectrogram
from training.networks.audio.spectrogram import LogMel, SpectrogramEnsemble, SpectrogramNet

RATE, SAMPLES = 8000, 4000
PCM = (TensorSpec(name="pcm", dtype="int16", shape=("batch", SAMPLES)),)


def clips(count: int = 3, loudness: float = 0.5, rate: int = RATE) -> torch.Tensor:
    rng = np.random.default_rng(7)
    time = np.arange(SAMPLES) / rate
    tones = [np.sin(2 * np.pi * rng.uniform(200, 3000) * time) for _ in range(count)]
    signal = np.stack(tones) * rng.uniform(0.3, 1, (count, 1)) + rng.normal(0, 0.05, (count, 1))
    signal += rng.normal(0, 0.05, signal.shape)
    return torch.from_numpy((loudness * 20000 * signal).clip(-32768, 32767).astype(np.int16))


def check_graph(network: torch.nn.Module) -> None:
    """Assert that the exported graph of a network of sounds answers as torch does."""
    served, pcm = Servable(network), clips(5)
    session = Session(export(served, PCM, [clips(2)], ("band", "frame")))
    with torch.no_grad():
        expected = served.outputs(pcm)
    actual = session.run({"pcm": pcm.numpy()}, explain=True)
    for name in (PROBABILITIES, EMBEDDING, SALIENCY):
        assert np.allclose(actual[name], expected[name].numpy(), atol=1e-4)


def textbook(pcm: np.ndarray, layer: LogMel, rate: int) -> np.ndarray:
    """Hann-windowed power spectra by FFT, mel bands, log: all of it in float64."""
    window, hop = rate // 40, rate // 80
    size = 1 << (window - 1).bit_length()
    wave = pcm - pcm.mean(axis=1, keepdims=True)
    wave = np.pad(wave / np.abs(wave).max(axis=1, keepdims=True), ((0, 0), (window // 2,) * 2))
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    starts = range(0, wave.shape[1] - window + 1, hop)
    frames = np.stack([wave[:, start : start + window] * hann for start in starts], axis=1)
    power = np.abs(np.fft.rfft(frames, size)) ** 2
    mel = (power @ layer.filters[:, :, 0].numpy().astype(np.float64).T).transpose(0, 2, 1)
    floor = mel.max(axis=(1, 2), keepdims=True) * spectrogram.FLOOR
    level = np.log1p(mel / floor)
    level -= level.mean(axis=(1, 2), keepdims=True)
    return level / np.sqrt((level**2).mean(axis=(1, 2), keepdims=True) + 1e-3)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_log_mel_equals_the_definition(rate: int):
    layer, pcm = LogMel(rate=rate), clips(rate=rate)
    expected = textbook(pcm.numpy().astype(np.float64), layer, rate)
    actual = layer(pcm).numpy()
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() < 1e-3


def test_log_mel_ignores_the_level():
    loud, soft = clips().float(), clips().float() / 64
    assert torch.allclose(LogMel()(loud), LogMel()(soft), atol=1e-3)


def test_log_mel_ignores_a_constant_offset():
    pcm = clips(loudness=0.3).float()
    assert torch.allclose(LogMel()(pcm), LogMel()(pcm + 5000), atol=2e-2)


def test_log_mel_of_silence_is_finite():
    assert torch.equal(LogMel()(torch.zeros(2, SAMPLES)), torch.zeros_like(LogMel()(clips(2))))


def test_filters_are_means_over_neighbouring_bins():
    filters = LogMel().filters[:, :, 0]
    assert torch.allclose(filters.sum(1), torch.ones(len(filters)), atol=1e-6)
    assert (filters >= 0).all()
    centres = filters.argmax(1)
    assert (centres.diff() >= 0).all()


@pytest.fixture(scope="module")
def net() -> SpectrogramNet:
    torch.manual_seed(1)
    network = SpectrogramNet(classes=4).train()
    with torch.no_grad():
        network(clips(8))  # batch normalisation sees something
    return network.eval()


@pytest.fixture(scope="module")
def session(net: SpectrogramNet) -> Session:
    return Session(export(Servable(net), PCM, [clips(2)], ("band", "frame")))


@pytest.mark.training  # exporting takes seconds
@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_graph_answers_as_torch_does(net: SpectrogramNet, session: Session, count: int):
    pcm = clips(count)
    with torch.no_grad():
        expected = net(pcm).softmax(1).numpy()
    assert np.allclose(session.run({"pcm": pcm.numpy()})[PROBABILITIES], expected, atol=1e-4)


def test_the_answer_does_not_depend_on_the_company(net: SpectrogramNet):
    pcm = clips(5)
    with torch.no_grad():
        assert torch.allclose(net(pcm)[2:3], net(pcm[2:3]), atol=1e-5)


def test_spectrogram_distortion_in_training_only(net: SpectrogramNet):
    pcm = clips(4)
    with torch.no_grad():
        assert torch.equal(net(pcm), net(pcm))
        net.train()
        different = not torch.equal(net(pcm), net(pcm))
    net.eval()
    assert different


@pytest.fixture(scope="module")
def ensemble() -> SpectrogramEnsemble:
    torch.manual_seed(2)
    network = SpectrogramEnsemble([SpectrogramNet(classes=4) for _ in range(3)]).train()
    with torch.no_grad():
        network(clips(8))
    return network.eval()


def test_ensemble_output_is_the_members_mean(ensemble: SpectrogramEnsemble):
    pcm, labels = clips(3), torch.tensor([2, 0, 1])
    with torch.no_grad():
        members, output = [member.read(pcm) for member in ensemble.members], ensemble.read(pcm)
        mean = torch.stack([member.logits for member in members]).mean(0)
        assert torch.allclose(output.logits, mean, atol=1e-6)
        assert torch.equal(ensemble(pcm), output.logits)
        maps = torch.stack([member.attribution(labels) for member in members])
        assert torch.allclose(output.attribution(labels), maps.mean(0), atol=1e-6)
    assert output.embedding.shape == (3, 3 * members[0].embedding.shape[1])
    assert ensemble.bands() == ensemble.members[0].bands()


def test_ensemble_in_training_has_an_axis_of_members(ensemble: SpectrogramEnsemble):
    with torch.no_grad():
        logits = ensemble.train()(clips(5))
    ensemble.eval()
    assert logits.shape == (5, 4, 3)
    assert not torch.equal(logits[..., 0], logits[..., 1])


@pytest.mark.training
def test_the_graph_of_an_ensemble_answers_as_torch_does(ensemble: SpectrogramEnsemble):
    check_graph(ensemble)
