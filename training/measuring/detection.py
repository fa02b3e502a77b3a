"""How well an exported detector tells outliers from known images."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from app.bundle import Measurement
from app.bundle.tensors import NOVELTY, RECONSTRUCTION_ERROR
from app.runtime.session import Session
from training.exporting.graph import GraphRunner
from training.outliers.drawn import Outliers

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Told:
    """What the graph says of images, float32 (images,) each."""

    error: np.ndarray
    novelty: np.ndarray


def tell(model: bytes, images: np.ndarray) -> Told:
    """Return what the graph says of uint8 (images, H, W, channels)."""
    session = Session(model, threads=torch.get_num_threads())
    runner = GraphRunner(session, session.tensors()[0])
    items = [{"image": image} for image in images]
    found = runner.run(items, [RECONSTRUCTION_ERROR, NOVELTY], batch_size=_BATCH)
    return Told(found[RECONSTRUCTION_ERROR], found[NOVELTY])


def areas(
    model: bytes, known: Told, images: np.ndarray, kinds: Mapping[str, Outliers], seed: int
) -> list[Measurement]:
    """Return the areas under the ROC curves of novelty and of the reconstruction error alone.

    images: the known ones, uint8 (images, H, W, 1); there are as many outliers of each kind.
    """
    found = []
    for kind, outliers in kinds.items():
        chance = np.random.default_rng(seed)
        other = tell(model, outliers(images[..., 0], chance)[..., None])
        for name, one, two in (
            ("novelty", known.novelty, other.novelty),
            ("reconstruction error", known.error, other.error),
        ):
            truth = np.repeat([0, 1], [len(one), len(two)])
            area = float(roc_auc_score(truth, np.concatenate([one, two])))
            name = f"AUROC of the {name}, {kind}"
            found.append(Measurement(name=name, value=area, split="test", samples=len(truth)))
    return found
