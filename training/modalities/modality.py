"""What training knows of a modality: the mirror of `app.modalities.modality.Modality`.

Everything in training that differs between images, sounds, texts and trees is a field here, so that
a further modality is one more value. Nothing is registered by importing it.
"""

import mimetypes
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from torch import nn

from app.bundle import EncoderSpec
from app.modalities import Encoder, Modality
from training.baselines.linear import LinearBaseline
from training.data.dataset import Sample
from training.data.encode import Examples
from training.data.fingerprints import TakeFingerprint, content_fingerprint, no_type
from training.data.reading.kinds import Recognise
from training.exporting.card.inputs import InputCard
from training.fitting.curve import History
from training.fitting.fit import Augment, Schedule
from training.measuring.faithfulness import Remove

STEPS = 1_500  # of training: a small data set needs many epochs, a large one few

# What the training samples determine: the encoder, and the files it needs in the bundle.
Prepare = Callable[[Sequence[Sample]], tuple[EncoderSpec, dict[str, bytes]]]
# Trains a network on training and validation samples; the last argument is the recipe.
LearnDefault = Callable[[nn.Module, Examples, Examples, Any], History]


def default_schedule(samples: int) -> Schedule:
    """Return a schedule of about `STEPS` steps, 8 to 80 epochs, for this number of samples."""
    batch = 32 if samples < 2_000 else 64
    epochs = int(np.clip(STEPS * batch / max(samples, 1), 8, 80))
    return Schedule(
        epochs, batch, learning_rate=2e-3, label_smoothing=0.05, patience=max(8, epochs // 3)
    )


@dataclass(frozen=True, slots=True)
class DefaultRecipe:
    """How a classifier of the user's own labelled files is trained.

    prepare, network, learn: see `training.recipes.recipe.Recipe`. prepare_verbatim: as `prepare`,
    for texts whose upper and lower case differ; None where there is no case. augment: varies the
    training samples that are encoded as `prepare` says. schedule: of the number of samples.
    measure: sets what a network whose last layer alone learns takes from the training samples.
    """

    prepare: Prepare
    network: Callable[[int], nn.Module]  # number of labels → network
    augment: Augment | None = None
    schedule: Callable[[int], Schedule] = default_schedule
    learn: LearnDefault | None = None
    prepare_verbatim: Prepare | None = None
    measure: Callable[[nn.Module, Examples], None] | None = None

    def prepare_for(self, *, keeps_case: bool) -> Prepare:
        """Return what the samples of a data set determine the encoder by."""
        verbatim = self.prepare_verbatim if keeps_case else None
        return verbatim or self.prepare


def no_augmentation(spec: EncoderSpec) -> None:
    """Leave the training samples as they are."""


def same_spec(spec: EncoderSpec, train: Sequence[Sample]) -> EncoderSpec:
    """Return the specification as it is."""
    return spec


@dataclass(frozen=True, slots=True)
class TrainingModality:
    """One kind of sample.

    served: the service's side, with the specification and the encoder.
    noun, plural: how messages name a sample and several.
    media_types: by suffix in lower case, those of labelled files; empty where only recipes, which
        read files of their own, have samples of it.
    recognise: of a file's first bytes, its media type; None: its name decides.
    fingerprint: of a payload, what the default encoder cannot distinguish. Both are functions of a
        module, which processes that read files import.
    recipe: how a network of the user's own files is trained from scratch; None: it cannot be.
    linear: how a linear model of them is trained, by feature extraction if not said; None where
        there is none.
    augment: of a specification, what varies the training samples that are encoded by it; None:
        nothing does.
    fit_size: of a trained network's specification and the training samples, one whose input is no
        larger than these samples need.
    default_source: the trained network to start from where `--from` names none.
    saliency_axes: the names of the axes of saliency after the batch; an axis named like one of the
        encoder's tensors has the item's size, others have one size for all items.
    remover: of a specification and the edges in Hz of the network's frequency bands, what removes
        parts of an encoded item in the deletion test; None: there is no such test.
    card: what a model card says and shows of the inputs.
    baseline: the linear model that every classifier is compared with; None: there is none.
    """

    served: Modality
    noun: str
    plural: str
    media_types: Mapping[str, str] = field(default_factory=dict)
    recognise: Recognise = no_type
    fingerprint: TakeFingerprint = content_fingerprint
    recipe: DefaultRecipe | None = None
    linear: DefaultRecipe | None = None
    augment: Callable[[EncoderSpec], Augment | None] = no_augmentation
    fit_size: Callable[[EncoderSpec, Sequence[Sample]], EncoderSpec] = same_spec
    default_source: str | None = None
    saliency_axes: tuple[str, ...] = ()
    remover: Callable[[EncoderSpec, Sequence[float]], Remove] | None = None
    card: InputCard = field(default_factory=InputCard)
    baseline: LinearBaseline | None = None

    @property
    def name(self) -> str:
        """The `kind` of the encoder's specification."""
        return self.served.name

    def encoder(self, spec: EncoderSpec, files: Mapping[str, bytes]) -> Encoder:
        """Return the service's encoder for a specification; `files` are the bundle's."""
        return self.served.encoder(spec, files)


def media_types_of(kind: str, more: Mapping[str, str]) -> dict[str, str]:
    """Return the standard media types of a top-level type by suffix, and `more`."""
    known = mimetypes.types_map.items()
    return {suffix: name for suffix, name in known if name.startswith(f"{kind}/")} | dict(more)
