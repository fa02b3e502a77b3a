"""The autoencoder and its detector: torch = ONNX, batch = single, density = scikit-learn's."""

import numpy as np
import pytest
import torch

from app.modalities.image.spec import ImageSpec
from app.runtime.session import Session
from tests.training.samples import squares
from training.exporting.export import check_parity, export, output_specs
from training.measuring.detector import fit_detector, fit_mixture, in_batches
from training.networks.convolutional.autoencoder import Autoencoder, CodeClassifier
from training.networks.convolutional.detector import NoveltyDetector

SPECS = ImageSpec(height=4, width=4, channels=1).tensors()


@pytest.fixture(scope="module")
def detector() -> NoveltyDetector:
    torch.manual_seed(0)
    network = Autoencoder(4, 1, code=6, width=4).eval()
    return fit_detector(network, squares(120, seed=1), squares(40, seed=2), seed=0)


@pytest.fixture(scope="module")
def model(detector: NoveltyDetector) -> bytes:
    return export(detector, SPECS, [torch.zeros(2, 4, 4, 1, dtype=torch.uint8)])


def pictures(count: int) -> torch.Tensor:
    return torch.from_numpy(squares(count, seed=3).batch(range(count))[0][0])


@pytest.mark.parametrize(("side", "channels"), [(4, 1), (28, 1), (12, 3)])
def test_autoencoder_keeps_the_size(side: int, channels: int) -> None:
    images = torch.zeros(3, side, side, channels, dtype=torch.uint8)
    network = Autoencoder(side, channels, code=6, width=4)
    assert network(images).shape == images.shape
    assert network.encoder(images).shape == (3, 6)
    assert CodeClassifier(network.encoder, 5)(images).shape == (3, 5)


@pytest.mark.slow
def test_detector_parity(detector: NoveltyDetector, model: bytes) -> None:
    assert check_parity(model, detector, squares(40, seed=4), SPECS) <= 1e-4
    assert {spec.name: spec.shape for spec in output_specs(model, SPECS)} == {
        "reconstruction": ("batch", 4, 4, 1),
        "reconstruction_error": ("batch",),
        "novelty": ("batch",),
        "embedding": ("batch", 6),
    }


@pytest.mark.slow
def test_detector_batch_equals_single_items(model: bytes) -> None:
    session, images = Session(model), pictures(9).numpy()
    together = session.run({"image": images})
    for place, image in enumerate(images):
        for name, alone in session.run({"image": image[None]}).items():
            assert np.allclose(alone[0], together[name][place], rtol=1e-4, atol=1e-5), name


def test_reconstruction_error_is_that_of_the_reconstruction(detector: NoveltyDetector) -> None:
    images = pictures(7)
    actual = detector.outputs(images)
    off = (actual["reconstruction"] - images.float()) / 255
    assert torch.allclose(actual["reconstruction_error"], off.square().mean((1, 2, 3)), atol=1e-6)


def test_detector_rarely_finds_in_distribution_images_novel(detector) -> None:
    known = squares(40, seed=2).batch(range(40))[0][0]
    novelty = in_batches(lambda images: detector.outputs(images)["novelty"], known)
    assert (novelty >= 0.5).sum() == 1, "99 % of 40 are below"
    assert np.median(novelty) == pytest.approx(0.018, abs=0.005)
    train = squares(120, seed=1).batch(range(120))[0][0]
    features = in_batches(lambda images: detector.outputs(images)["embedding"], train)
    assert np.allclose(features.mean(0), 0, atol=1e-3)
    assert np.allclose(features.std(0), 1, atol=1e-2)


def test_mixture_density_equals_scikit_learn() -> None:
    from sklearn.mixture import GaussianMixture

    rng = np.random.default_rng(0)
    code = np.concatenate([rng.normal(m, 1 + m, (200, 5)) for m in (0, 3)]).astype(np.float32)
    ours = fit_mixture(code, seed=0)(torch.from_numpy(code)).numpy()
    centre = code.mean(0)
    _, sizes, axes = np.linalg.svd(code - centre, full_matrices=False)
    places = (code - centre) @ axes.T
    floor = float(5e-4 * sizes[0] ** 2 / len(code))
    theirs = GaussianMixture(21, reg_covar=floor, random_state=0).fit(places)
    constant = 5 / 2 * np.log(2 * np.pi)
    assert np.allclose(-theirs.score_samples(places), ours + constant, atol=1e-2)
