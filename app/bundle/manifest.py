"""The manifest of a bundle: parsed once and immutable; unknown fields are refused.

A manifest holds no time stamps and no absolute paths, so the same training run writes the same
bytes. A manifest is parsed with a `Registry` (`app.bundle.registry`), which says which tasks and
encoders there are; any other task or encoder is refused.
"""

import re
from typing import Any, ClassVar, Literal, Self

from pydantic import (
    Field,
    SerializeAsAny,
    ValidationInfo,
    field_validator,
    model_validator,
)

from app.bundle.registry import Registry
from app.bundle.tensors import NOVELTY, Frozen, TensorSpec

NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"  # of a model
RESERVED_NAMES = frozenset({"stats"})  # /v2/models/stats is what all models have answered
VERSION_DIGITS = 18  # at most; a timestamp in microseconds has 16, and 64 bits hold 18 nines
MAX_VERSION = 10**VERSION_DIGITS - 1


def wrong_name(name: str) -> str | None:
    """Return what is wrong with the name of a model; None if nothing is."""
    if name in RESERVED_NAMES:
        return f"expected another name than {name!r}, which is an address of its own"
    if re.fullmatch(NAME, name):
        return None
    return f"expected lower-case letters, digits and hyphens, 63 at most, got {name!r}"


class EncoderSpec(Frozen):
    """How a payload becomes the tensors of a graph. Each modality has a class of its own.

    `modality` is the kind of payload that clients see, `kind` the encoder's name in manifests.
    """

    modality: ClassVar[str]

    kind: str

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return the inputs of the graph, in its order."""
        raise NotImplementedError

    def longest(self) -> dict[str, int]:
        """Return the largest size that the encoder gives each axis that it names, but `batch`."""
        return {}


class Measurement(Frozen):
    """One number, and the data on which it was measured."""

    name: str
    value: float
    split: str
    samples: int = Field(ge=0)


class Conformal(Frozen):
    """Split-conformal label sets: a label whose probability is `threshold` or more is in the set.

    The threshold was found on `samples` calibration samples, to which nothing else was fitted. For
    data like them, the set holds the true label at the rate `coverage` or more. `lac`: Sadinle, Lei
    and Wasserman, "Least Ambiguous Set-Valued Classifiers With Bounded Error Levels", JASA 2019; a
    set may be empty.
    """

    method: Literal["lac"] = "lac"
    coverage: float = Field(gt=0, lt=1)
    threshold: float = Field(ge=0, le=1)
    samples: int = Field(ge=1)


class NoveltyScore(Frozen):
    """The threshold of the graph's output `novelty`, 0..1, for inputs unlike the training data.

    The share `kept` of the `samples` calibration samples is below `threshold`. The methods are in
    `training/networks/heads/novelty.py`.
    """

    method: Literal["relative-mahalanobis", "mahalanobis", "outlier-exposure"]
    threshold: float = Field(default=0.5, gt=0, le=1)
    kept: float = Field(gt=0, lt=1)
    samples: int = Field(ge=1)


class AnswerThreshold(Frozen):
    """The probability of the highest label from which on the model answers; below it abstains.

    It was set on `samples` calibration samples, of which the share `answered` reaches `threshold`,
    so that with a probability of `level` or more the answers at or above it have the precision
    `precision`, for data like these: `training.measuring.answer_threshold`.
    """

    method: Literal["fixed-sequence"] = "fixed-sequence"
    precision: float = Field(gt=0, lt=1)
    level: float = Field(gt=0, lt=1)
    threshold: float = Field(ge=0, le=1)
    samples: int = Field(ge=1)
    answered: float = Field(ge=0, le=1)


class Provenance(Frozen):
    """Where the bundle comes from, enough to make it again.

    `recipe` is the recipe's name: `auto` for the default network of the user's own files, `pack`
    for a packed graph. `data_path` names the folder or table of those files. `start` says what
    the weights were before the training: random, those of another network that were tuned, or
    those of another network that were kept as features; `linear` is a linear model, which has no
    such start; none where nothing was trained. `source` names that other network, for example
    `digits/1`. `epochs` is the most that the training could have, `threads` the number of CPU
    threads; both change the weights, and are none where they were not recorded. `learning_rate` is
    the highest one, where it was not the start's own.
    """

    recipe: str
    data_path: str | None = None
    start: Literal["linear", "scratch", "pretrained", "features"] | None = None
    source: str | None = None
    epochs: int | None = Field(default=None, ge=1, exclude_if=lambda value: value is None)
    seed: int
    threads: int | None = Field(default=None, ge=1, exclude_if=lambda value: value is None)
    learning_rate: float | None = Field(default=None, gt=0, exclude_if=lambda value: value is None)
    code: str
    data: str
    data_source: str
    data_licence: str
    data_sha256: str
    splits: dict[str, int]


class Manifest(Frozen):
    """Everything that the service must know about a model and that its graph does not hold.

    `Manifest.model_validate_json(data, context=registry)` parses it from JSON.
    """

    schema_version: Literal[2] = 2
    name: str = Field(pattern=NAME)
    version: int = Field(ge=1, le=MAX_VERSION)
    description: str
    task: str = "classify"
    encoder: SerializeAsAny[EncoderSpec]
    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)
    scores: Literal["probabilities", "logits"] = "probabilities"
    labels: tuple[str, ...] = ()
    temperature: float = Field(default=1.0, gt=0)
    conformal: Conformal | None = None
    novelty: NoveltyScore | None = None
    # Left out where there is none, so that earlier releases read the manifest.
    confidence: AnswerThreshold | None = Field(default=None, exclude_if=lambda rule: rule is None)
    bands: tuple[float, ...] = ()  # edges in Hz of the bands of a sound's saliency, lowest first
    tolerance: float = Field(default=5e-3, gt=0, le=0.1)
    precision: Literal["float32", "int8", "fp16"] = "float32"
    metrics: tuple[Measurement, ...] = ()
    provenance: Provenance
    licence: str
    files: dict[str, str]

    @property
    def modality(self) -> str:
        """The kind of payload that the model reads, by the name that clients see."""
        return self.encoder.modality

    @property
    def abstains(self) -> bool:
        """Whether the manifest has a threshold by which the model abstains."""
        return any(rule is not None for rule in (self.conformal, self.novelty, self.confidence))

    @property
    def output_names(self) -> frozenset[str]:
        """The names of the graph's outputs."""
        return frozenset(spec.name for spec in self.outputs)

    @field_validator("encoder", mode="before")
    @classmethod
    def _encoder_of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, dict):
            return value
        if not isinstance(info.context, Registry):
            raise ValueError("a manifest is parsed with a Registry as its context")
        known = info.context.modalities
        modality = known.get(str(value.get("kind")))
        if modality is None:
            raise ValueError(f"expected an encoder of kind {' or '.join(known)}")
        return modality.spec.model_validate(value)

    @field_validator("name")
    @classmethod
    def _name_is_free(cls, name: str) -> str:
        if name in RESERVED_NAMES:
            raise ValueError(wrong_name(name))
        return name

    @model_validator(mode="after")
    def _inputs_are_the_encoders(self) -> Self:
        if len(self.inputs) != len(self.encoder.tensors()):
            raise ValueError(f"a graph for {self.encoder.kind} takes {self.encoder.tensors()}")
        return self

    @model_validator(mode="after")
    def _labels_are_distinct(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels must be distinct")
        return self

    @model_validator(mode="after")
    def _novelty_is_an_output(self) -> Self:
        if self.novelty and (NOVELTY, ("batch",)) not in {(s.name, s.shape) for s in self.outputs}:
            raise ValueError("without an output 'novelty' (batch,), novelty has no threshold")
        return self

    @model_validator(mode="after")
    def _task_allows_it(self, info: ValidationInfo) -> Self:
        if isinstance(info.context, Registry):
            info.context.check(self)
        return self
