"""Novelty modules: they map the features of an item to a distance from the training data.

`training.measuring.novelty` fits them; they are exported within the graph.
"""

import torch
from torch import Tensor, nn


class NoveltyHead(nn.Module):
    """Maps a distance from the training data to novelty in 0..1, .5 at the threshold."""

    threshold: Tensor
    scale: Tensor

    def __init__(self, distance: nn.Module, threshold: float, scale: float) -> None:
        super().__init__()
        self.distance = distance
        self.register_buffer("threshold", torch.tensor(threshold))
        self.register_buffer("scale", torch.tensor(scale))

    def forward(self, embedding: Tensor, logits: Tensor) -> Tensor:
        """Return novelty, (batch,) in 0..1, of features (batch, d); it ignores the logits."""
        return torch.sigmoid((self.distance(embedding) - self.threshold) / self.scale)


class OutlierExposure(nn.Linear):
    """The log odds that an item is an outlier like the training outliers.

    Hendrycks, Mazeika and Dietterich, "Deep Anomaly Detection with Outlier Exposure", ICLR 2019;
    here it is a logistic regression on the features of a trained network.
    """

    def forward(self, embedding: Tensor) -> Tensor:
        """Return (batch,) of (batch, d)."""
        return super().forward(embedding)[:, 0]


class Mahalanobis(nn.Module):
    """The squared distance from the mean under the inverse covariance.

    centre: float32 (d,), the mean of all features. factor: float32 (d, r), a factor F of the
    inverse covariance F Fᵀ.
    """

    centre: Tensor
    factor: Tensor

    def __init__(self, centre: Tensor, factor: Tensor) -> None:
        super().__init__()
        self.register_buffer("centre", centre)
        self.register_buffer("factor", factor)

    def forward(self, features: Tensor) -> Tensor:
        """Return the distance, (batch,), of features (batch, d)."""
        return ((features - self.centre) @ self.factor).square().sum(1)


class RelativeMahalanobis(nn.Module):
    """The distance to the nearest class minus the distance to the data as a whole.

    Ren et al., "A Simple Fix to Mahalanobis Distance for Improving Near-OOD Detection", 2021, after
    Lee et al., NeurIPS 2018. Both are squared Mahalanobis distances, under the common covariance of
    the classes and under the covariance of all data. Directions in which the classes do not differ
    count in both distances, and so cancel.

    centre: (d,), the mean of all features. within, overall: (d, r), factors of the two inverse
    covariances: the distance of x to m is the norm of (x - m) @ factor. classes: (classes, r), the
    centred means of the classes times `within`. All float32.
    """

    centre: Tensor
    within: Tensor
    overall: Tensor
    classes: Tensor

    def __init__(self, centre: Tensor, within: Tensor, overall: Tensor, classes: Tensor) -> None:
        super().__init__()
        self.register_buffer("centre", centre)
        self.register_buffer("within", within)
        self.register_buffer("overall", overall)
        self.register_buffer("classes", classes)

    def forward(self, embedding: Tensor) -> Tensor:
        """Return the relative distance, (batch,), of features (batch, d)."""
        features = embedding - self.centre
        offsets = (features @ self.within)[:, None] - self.classes
        nearest = offsets.square().sum(2).amin(1)
        return nearest - (features @ self.overall).square().sum(1)
