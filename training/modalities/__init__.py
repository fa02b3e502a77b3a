"""One file for each modality: its training side, a `TrainingModality`.

`TRAINING_MODALITIES` is what the trainer ships with; a caller may hand down more.
"""

from collections.abc import Iterable, Mapping

from app.bundle import Registry
from app.modalities import MODALITIES
from app.tasks import TASKS
from training.modalities.audio import TRAINING_AUDIO
from training.modalities.image import TRAINING_IMAGE
from training.modalities.modality import DefaultRecipe, Prepare, TrainingModality
from training.modalities.text import TRAINING_TEXT
from training.modalities.tree import TRAINING_TREE

__all__ = [
    "TRAINING_MODALITIES",
    "DefaultRecipe",
    "Prepare",
    "TrainingModalities",
    "TrainingModality",
    "registry_of",
]

TrainingModalities = Mapping[str, TrainingModality]  # by the `kind` of an encoder's specification

TRAINING_MODALITIES: TrainingModalities = {
    modality.name: modality
    for modality in (TRAINING_IMAGE, TRAINING_AUDIO, TRAINING_TEXT, TRAINING_TREE)
}


def registry_of(modalities: Iterable[TrainingModality]) -> Registry:
    """Return what the service ships with, and the service's side of these modalities."""
    return Registry(TASKS, {**MODALITIES, **{one.name: one.served for one in modalities}})
