"""Few labels: the draws, the figures, and the gain by a training without labels."""

from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from app.modalities.image.spec import ImageSpec
from tests.training.samples import sample
from training.augmentation.images import mask_patches
from training.data.encode import Examples
from training.fitting.fit import Schedule, fit
from training.fitting.objectives import PixelCrossEntropy
from training.measuring.few_labels import (
    WAYS,
    Study,
    WayResult,
    draw_labelled,
    few_labels,
    few_labels_measurements,
    few_labels_table,
)
from training.networks.convolutional.autoencoder import Autoencoder

SPECS = ImageSpec(height=8, width=8, channels=1).tensors()
SPOIL = partial(mask_patches, side=2, share=0.3)


def handwritten(places: slice) -> Examples:
    """Some of scikit-learn's 1,797 handwritten digits of 8×8 pixels."""
    digits = load_digits()
    images = (digits.images[places] * 15).astype(np.uint8)[..., None]
    samples = [sample(f"{places.start}-{i}", str(v)) for i, v in enumerate(digits.target[places])]
    items = [{"image": image} for image in images]
    return Examples(items, digits.target[places].astype(np.int64), samples, SPECS)


def test_few_labels_are_balanced_and_deterministic() -> None:
    train = handwritten(slice(0, 200))
    few = draw_labelled(train, 4, seed=1)
    assert np.bincount(train.targets[few]).tolist() == [4] * 10
    assert len(set(few.tolist())) == 40
    assert np.array_equal(few, draw_labelled(train, 4, seed=1))
    assert not np.array_equal(few, draw_labelled(train, 4, seed=2))


def test_few_labels_report_means_and_deviations() -> None:
    results = [WayResult("one way", {2: [0.5, 0.7], 5: [0.8, 0.8]})]
    actual = {m.name: (m.value, m.samples) for m in few_labels_measurements(results, "test", 90)}
    assert actual["accuracy, 2 labels per class, one way"] == (pytest.approx(0.6), 90)
    assert actual["deviation of the accuracy, 2 labels per class, one way"][0] == pytest.approx(
        np.sqrt(0.02)
    )
    assert "| one way | 0.600 ± 0.141 | 0.800 ± 0.000 |" in few_labels_table(results)


@pytest.mark.training
def test_pretrained_autoencoder_beats_random_weights() -> None:
    train, tested = handwritten(slice(0, 1400)), handwritten(slice(1400, 1797))
    torch.manual_seed(0)
    network = Autoencoder(8, 1, code=48, width=16)
    schedule = Schedule(epochs=10, objective=PixelCrossEntropy(), verbose=False)
    history = fit(network, train, tested, schedule, seed=0, augment=SPOIL)
    losses = [epoch.validation_loss for epoch in history.epochs]
    assert losses[-1] < 0.8 * losses[0]
    assert all(epoch.accuracy is None for epoch in history.epochs)
    study = Study(SPOIL, 1e-3, 1e-3, labels=(5,), draws=5, steps=4)
    results = few_labels(network, study, train, tested)
    assert [result.name for result in results] == list(WAYS)
    print(few_labels_table(results))
    mean = {result.name: np.mean(result.accuracies[5]) for result in results}
    assert mean["pretrained, frozen, linear"] > mean["random weights, frozen, linear"] + 0.03
    assert mean["pretrained, fine-tuned"] > mean["from scratch"] + 0.03
