"""An autoencoder and the data it has seen → a detector of what is unlike that data."""

from dataclasses import replace

import numpy as np
import torch
from sklearn.mixture import GaussianMixture

from training.data.encode import Examples
from training.networks.convolutional.autoencoder import Autoencoder
from training.networks.convolutional.detector import Mixture, NoveltyDetector, Scale

COMPONENTS, AXES = 30, 64
_FLOOR = 5e-4  # least variance of a component along any axis, as a share of the first axis's
_KEPT = 0.99  # share of known data whose novelty is below .5
_BATCH = 256


def fit_detector(
    network: Autoencoder, train: Examples, validation: Examples, seed: int
) -> NoveltyDetector:
    """Return the detector: densities of `train`, thresholds of `validation`; no labels.

    Known data is what the network was not trained on: on its own training data it errs less.
    """
    images = images_of(train)
    code = encode_images(network, images)
    mixture = fit_mixture(code, seed)
    detector = NoveltyDetector(
        network, mixture, torch.from_numpy(code.mean(0)), torch.from_numpy(code.std(0) + 1e-6)
    )
    detector.eval()
    surprises = in_batches(detector.surprises, images_of(validation))
    (mean, other_mean), (deviation, other_deviation) = surprises.mean(0), surprises.std(0)
    usual = Scale((float(mean), float(other_mean)), (float(deviation), float(other_deviation)))
    total = usual.total(surprises.T)
    detector.scale = replace(
        usual, typical=float(np.median(total)), threshold=float(np.quantile(total, _KEPT))
    )
    return detector


def fit_mixture(code: np.ndarray, seed: int) -> Mixture:
    """Return the mixture of codes, float32 (samples, code), fitted by expectation maximisation."""
    centre = code.mean(0)
    _, sizes, axes = np.linalg.svd(code - centre, full_matrices=False)
    axes = axes[:AXES].T.astype(np.float32)
    fitted = GaussianMixture(
        min(COMPONENTS, len(code) // 20 + 1),
        reg_covar=float(_FLOOR * sizes[0] ** 2 / len(code)),
        max_iter=100,
        random_state=seed,
    ).fit((code - centre) @ axes)
    return Mixture(
        *(
            torch.from_numpy(np.asarray(array, dtype=np.float32))
            for array in (
                centre,
                axes,
                np.log(fitted.weights_),
                fitted.means_,
                fitted.precisions_cholesky_,
            )
        )
    )


def images_of(examples: Examples) -> np.ndarray:
    """Return all images, uint8 (samples, H, W, channels)."""
    return np.stack([item["image"] for item in examples.items])


def encode_images(network: Autoencoder, images: np.ndarray) -> np.ndarray:
    """Return the codes, float32 (samples, code), of uint8 (samples, H, W, channels)."""
    return in_batches(network.encoder.eval(), images)


def in_batches(work, images: np.ndarray) -> np.ndarray:  # type: ignore[no-untyped-def]
    """Return what `work` makes of the images, (samples, …)."""
    with torch.no_grad():
        parts = [
            work(torch.from_numpy(images[start : start + _BATCH])).numpy()
            for start in range(0, len(images), _BATCH)
        ]
    return np.concatenate(parts)
