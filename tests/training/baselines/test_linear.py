"""Linear baselines of texts, pictures and sounds."""

from collections.abc import Sequence

import numpy as np
import pytest

from app.modalities import Payload
from app.modalities.audio.spec import AudioSpec
from app.modalities.image.spec import ImageSpec
from app.modalities.text.spec import TextSpec
from tests.training import samples as made
from training.baselines.linear import LinearBaseline, measure_baseline
from training.data.dataset import Sample
from training.data.encode import Examples, encode
from training.data.tokenizers import train_tokenizer
from training.modalities import TRAINING_MODALITIES


def encoded(kind: str, seed: int, each: int) -> Examples:
    """Two labels of easy samples of a modality."""
    rng = np.random.default_rng(seed)
    if kind == "image":
        labels, make, media = ("disc", "bar"), made.shape, "image/png"
        spec, files = ImageSpec(height=32, width=32, fit="pad"), {}
    elif kind == "audio":
        labels, make, media = ("tone", "noise"), made.sound, "audio/wav"
        spec, files = AudioSpec(rate=8000, samples=6000), {}
    else:
        labels, media = ("ham", "spam"), "text/plain"
        make = lambda label, rng: made.sentence(label, rng).encode()  # noqa: E731
        spec = TextSpec(max_tokens=20)
        files = {spec.tokenizer: train_tokenizer(list(made.WORDS.values()), 100)}
    samples = [
        Sample(f"{label}-{seed}-{i}", Payload(make(label, rng), media), label)
        for i in range(each)
        for label in labels
    ]
    encoder = TRAINING_MODALITIES[kind].encoder(spec, files)
    return encode(encoder, samples, labels, spec.tensors())[0]


@pytest.mark.parametrize("kind", ["image", "audio", "text"])
def test_easy_samples_are_learnt_and_labels_by_chance_are_not(kind: str):
    baseline = TRAINING_MODALITIES[kind].baseline
    assert baseline is not None
    train, test = encoded(kind, 0, 60), encoded(kind, 1, 30)
    found = measure_baseline(baseline, train, test)
    assert found.samples == 120
    assert (found.predicted == test.targets).mean() > 0.9
    shuffled = np.random.default_rng(2).permutation(train.targets)
    guessed = Examples(train.items, shuffled, train.samples, train.inputs)
    right = (measure_baseline(baseline, guessed, test).predicted == test.targets).mean()
    assert 0.2 < right < 0.8


@pytest.mark.parametrize("kind", ["image", "audio", "text"])
def test_a_single_sample_of_a_label_and_many_labels(kind: str):
    baseline = TRAINING_MODALITIES[kind].baseline
    assert baseline is not None
    train = encoded(kind, 0, 12)
    targets = np.arange(24) % 8
    targets[0] = 8
    many = Examples(train.items, targets, train.samples, train.inputs)
    assert set(measure_baseline(baseline, many, train).predicted) <= set(range(9))


def test_pixels_of_any_layout_are_read():
    baseline = TRAINING_MODALITIES["image"].baseline
    assert baseline is not None
    square = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    last = baseline.read([], [{"image": square}])
    first = baseline.read([], [{"image": np.moveaxis(square, -1, 0)}])
    assert (last == first).all() and last.shape == (1, 16 * 16 * 3)
    floats = baseline.read([], [{"image": square.astype(np.float32)}])
    assert np.abs(last - floats).max() < 0.02


class Counting:
    """A classifier that remembers how many samples it was fitted to."""

    def fit(self, rows: np.ndarray, targets: np.ndarray) -> None:
        self.first = targets[0]

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return np.full(len(rows), self.first)


def rows_of(samples: Sequence[Sample], items: Sequence[dict]) -> np.ndarray:
    return np.stack([item["image"].ravel() for item in items])


def test_of_many_samples_some_are_learnt():
    baseline = LinearBaseline("counted", rows_of, lambda labels, samples: Counting(), most=100)
    train = made.squares(300, 0)
    assert measure_baseline(baseline, train, made.squares(20, 1)).samples <= 102


@pytest.mark.parametrize("texts", [["😀", "😢"], ["ACGT", "TTGA"]])
def test_texts_without_words_or_without_a_term_twice_are_fitted(texts: list[str]):
    baseline = TRAINING_MODALITIES["text"].baseline
    assert baseline is not None
    rng = np.random.default_rng(3)
    letters = [chr(0x4E00 + i) for i in range(20_000)]
    each = [text if len(text) == 1 else "".join(rng.choice(letters, 9)) for text in texts * 150]
    model = baseline.model(2, len(each))
    model.fit(each, [0, 1] * 150)
    assert set(model.predict(each)) <= {0, 1}
