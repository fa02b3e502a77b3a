"""The novelty detector of an autoencoder: fitted to known images, and measured on outliers.

It needs no labels. `training.networks.convolutional.detector` is the fitted module; novelty of a
classifier is in `training.measuring.novelty`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from torch import Tensor

from app.bundle import Measurement
from app.bundle.tensors import NOVELTY, RECONSTRUCTION_ERROR
from app.runtime.session import Session
from training.data.encode import Examples
from training.exporting.graph import GraphRunner
from training.networks.convolutional.autoencoder import Autoencoder
from training.networks.convolutional.detector import Mixture, NoveltyDetector, Scale
from training.outliers.drawn import MakeOutliers

COMPONENTS, AXES = 30, 64
_FLOOR = 5e-4  # least variance of a component along any axis, as a share of the first axis's
_IN_DISTRIBUTION_RATE = 0.99  # share of known images whose novelty is below .5
_BATCH = 256


@dataclass(frozen=True, slots=True)
class DetectorScores:
    """Reconstruction error and novelty of images, float32 (images,) each."""

    error: np.ndarray
    novelty: np.ndarray


def fit_detector(
    network: Autoencoder, train: Examples, validation: Examples, seed: int
) -> NoveltyDetector:
    """Return the detector: its densities are fitted to `train`, its thresholds to `validation`.

    The thresholds need images that the network was not trained on: on its own training images its
    reconstruction error is smaller.
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
    threshold = float(np.quantile(total, _IN_DISTRIBUTION_RATE))
    detector.scale = replace(usual, typical=float(np.median(total)), threshold=threshold)
    return detector


def fit_mixture(code: np.ndarray, seed: int) -> Mixture:
    """Fit a mixture of Gaussians to codes, float32 (samples, code), by expectation maximisation."""
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


def in_batches(compute: Callable[[Tensor], Tensor], images: np.ndarray) -> np.ndarray:
    """Apply `compute` to the images in batches, without gradients; return (samples, …)."""
    with torch.no_grad():
        parts = [
            compute(torch.from_numpy(images[start : start + _BATCH])).numpy()
            for start in range(0, len(images), _BATCH)
        ]
    return np.concatenate(parts)


def score_images(model: bytes, images: np.ndarray) -> DetectorScores:
    """Run the exported detector on images, uint8 (images, H, W, channels)."""
    session = Session(model, threads=torch.get_num_threads())
    runner = GraphRunner(session, session.tensors()[0])
    items = [{"image": image} for image in images]
    found = runner.run(items, [RECONSTRUCTION_ERROR, NOVELTY], batch_size=_BATCH)
    return DetectorScores(found[RECONSTRUCTION_ERROR], found[NOVELTY])


def auroc_by_kind(
    model: bytes,
    known: DetectorScores,
    images: np.ndarray,
    kinds: Mapping[str, MakeOutliers],
    seed: int,
) -> list[Measurement]:
    """Return the AUROC of the novelty, and of the reconstruction error alone, for each kind.

    known: the scores of `images`, the test images, uint8 (images, H, W, 1). Each kind makes one
    outlier from each image.
    """
    found = []
    for kind, make_outliers in kinds.items():
        generator = np.random.default_rng(seed)
        other = score_images(model, make_outliers(images[..., 0], generator)[..., None])
        for name, one, two in (
            ("novelty", known.novelty, other.novelty),
            ("reconstruction error", known.error, other.error),
        ):
            truth = np.repeat([0, 1], [len(one), len(two)])
            area = float(roc_auc_score(truth, np.concatenate([one, two])))
            name = f"AUROC of the {name}, {kind}"
            found.append(Measurement(name=name, value=area, split="test", samples=len(truth)))
    return found
