"""What a bundle says of itself. Parsed once, frozen, and unknown fields are refused.

A manifest holds no time stamps and no absolute paths: the same training run writes
the same bytes.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from app.bundle.tensors import Frozen, TensorSpec

Modality = Literal["image", "text", "audio", "tree"]
Task = Literal["classify", "reconstruct", "complete"]

# The outputs that a graph must have for its task. A classifier's scores have any name.
OUTPUTS: dict[Task, frozenset[str]] = {
    "classify": frozenset(),
    "reconstruct": frozenset({"reconstruction", "reconstruction_error", "novelty", "embedding"}),
    "complete": frozenset({"log_probabilities", "next_state"}),
}
NAME = r"^[a-z0-9][a-z0-9-]{0,62}$"  # of a model


class ImageSpec(Frozen):
    """How an image file becomes one tensor.

    `fit` says how the picture meets the size: `crop` takes the central square-ish part
    that covers `crop_fraction` of the shorter side, `pad` shows all of it on black,
    `stretch` ignores the aspect ratio. With `dtype` float32 the pixel values become
    `(x / 255 - mean) / std` per channel; with uint8 the graph does that itself.
    """

    kind: Literal["image"] = "image"
    height: int = Field(ge=1, le=4096)
    width: int = Field(ge=1, le=4096)
    channels: Literal[1, 3] = 3
    fit: Literal["crop", "pad", "stretch"] = "crop"
    crop_fraction: float = Field(default=1.0, gt=0, le=1)
    resample: Literal["bilinear", "bicubic"] = "bicubic"
    layout: Literal["NHWC", "NCHW"] = "NHWC"
    channel_order: Literal["RGB", "BGR"] = "RGB"
    dtype: Literal["uint8", "float32"] = "uint8"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return what the encoder makes of one image."""
        size: tuple[int, ...] = (self.height, self.width)
        size = (*size, self.channels) if self.layout == "NHWC" else (self.channels, *size)
        return (TensorSpec(name="image", dtype=self.dtype, shape=("batch", *size)),)


class AudioSpec(Frozen):
    """How a sound file becomes `samples` values of 16-bit PCM at `rate` Hz, one channel.

    A longer sound is cut to its loudest window, a shorter one stands centred in silence.
    """

    kind: Literal["audio"] = "audio"
    rate: int = Field(ge=4000, le=48000)
    samples: int = Field(ge=400, le=30 * 48000)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return what the encoder makes of one sound."""
        return (TensorSpec(name="pcm", dtype="int16", shape=("batch", self.samples)),)


class TextSpec(Frozen):
    """How text becomes token ids: cleaned, tokenized by `tokenizer`, cut to `max_tokens`.

    A longer text keeps its first `max_tokens - tail_tokens` and its last `tail_tokens`.
    """

    kind: Literal["text"] = "text"
    tokenizer: str = "tokenizer.json"
    max_tokens: int = Field(ge=1, le=8192)
    tail_tokens: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _tail_is_a_part(self) -> Self:
        if self.tail_tokens > self.max_tokens:
            raise ValueError("tail_tokens is more than max_tokens")
        return self

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return what the encoder makes of one text."""
        return (
            TensorSpec(name="tokens", dtype="int64", shape=("batch", "time")),
            TensorSpec(name="length", dtype="int64", shape=("batch",)),
        )


class TreeSpec(Frozen):
    """How a bracketed tree becomes a forest of one (see `app.batching.forest`).

    `vocabulary` holds a word a line; its number is the word's id. In the notation `ptb` a text
    that is no tree is given one, and its first line stands for unknown words.
    """

    kind: Literal["tree"] = "tree"
    notation: Literal["listops", "ptb"]
    vocabulary: str = "vocabulary.txt"
    max_leaves: int = Field(default=4096, ge=1, le=65536)
    max_height: int = Field(default=500, ge=1, le=1000)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return what the encoder makes of one tree, and `collate` of several."""
        axes = {"tokens": "leaf", "left": "inner", "right": "inner", "levels": "level"}
        axes["roots"] = "batch"
        return tuple(
            TensorSpec(name=name, dtype="int64", shape=(axis,)) for name, axis in axes.items()
        )


class WordsSpec(Frozen):
    """How prose becomes the ids of words, for a model that predicts the next one.

    `vocabulary` holds a word a line, the commonest first, after `<unk>` and `<end>`; its number
    is the word's id. Of a longer text the last `max_words` words and marks are read. `state` is
    the number of values that the model remembers from one word to the next, zero at first.
    """

    kind: Literal["words"] = "words"
    vocabulary: str = "vocabulary.txt"
    max_words: int = Field(ge=1, le=4096)
    state: int = Field(ge=1, le=65536)

    def tensors(self) -> tuple[TensorSpec, ...]:
        """Return what the encoder makes of one text."""
        return (
            TensorSpec(name="tokens", dtype="int64", shape=("batch", "time")),
            TensorSpec(name="length", dtype="int64", shape=("batch",)),
            TensorSpec(name="state", dtype="float32", shape=("batch", self.state)),
        )


EncoderSpec = Annotated[
    ImageSpec | AudioSpec | TextSpec | TreeSpec | WordsSpec, Field(discriminator="kind")
]


class Measurement(Frozen):
    """One number and what it was measured on."""

    name: str
    value: float
    split: str
    samples: int = Field(ge=0)


class Conformal(Frozen):
    """Split-conformal label sets: a label whose probability is `threshold` or more is in the set.

    Of data like the calibration `samples`, which nothing was fitted to, the set holds the true
    label at the rate `coverage` at least. `lac`: Sadinle, Lei and Wasserman, "Least Ambiguous
    Set-Valued Classifiers With Bounded Error Levels", JASA 2019; a set may be empty.
    """

    method: Literal["lac"] = "lac"
    coverage: float = Field(gt=0, lt=1)
    threshold: float = Field(ge=0, le=1)
    samples: int = Field(ge=1)


class NoveltyScore(Frozen):
    """From where on the graph's output `novelty`, 0..1, says: unlike the training data.

    Of the calibration `samples` the share `kept` is below `threshold`. The methods:
    `training/networks/heads/novelty.py`.
    """

    method: Literal["relative-mahalanobis", "mahalanobis", "outlier-exposure"]
    threshold: float = Field(default=0.5, gt=0, le=1)
    kept: float = Field(gt=0, lt=1)
    samples: int = Field(ge=1)


class Provenance(Frozen):
    """Where the bundle comes from, enough to make it again.

    `recipe` is the recipe's name: `auto` for the default network of the user's own files, `pack`
    for a packed graph. `data_path` names the folder or table of those files. `start` says what
    the weights were before the training: random, those of another network that were tuned, or
    those of another network that were kept as features; none where nothing was trained. `source`
    names that other network, for example `digits/1`.
    """

    recipe: str
    data_path: str | None = None
    start: Literal["scratch", "pretrained", "features"] | None = None
    source: str | None = None
    seed: int
    code: str
    data: str
    data_source: str
    data_licence: str
    data_sha256: str
    splits: dict[str, int]


class Manifest(Frozen):
    """Everything the service needs to know of a model that is not in its graph."""

    schema_version: Literal[2] = 2
    name: str = Field(pattern=NAME)
    version: int = Field(ge=1, le=999_999_999)
    description: str
    task: Task = "classify"
    encoder: EncoderSpec
    inputs: tuple[TensorSpec, ...] = Field(min_length=1)
    outputs: tuple[TensorSpec, ...] = Field(min_length=1)
    scores: Literal["probabilities", "logits"] = "probabilities"
    labels: tuple[str, ...] = ()
    temperature: float = Field(default=1.0, gt=0)
    conformal: Conformal | None = None
    novelty: NoveltyScore | None = None
    bands: tuple[float, ...] = ()  # edges in Hz of the bands of a sound's saliency, lowest first
    tolerance: float = Field(default=5e-3, gt=0, le=0.1)
    precision: Literal["float32", "int8", "fp16"] = "float32"
    metrics: tuple[Measurement, ...] = ()
    provenance: Provenance
    licence: str
    files: dict[str, str]

    @property
    def modality(self) -> Modality:
        """The kind of file the model reads."""
        return "text" if isinstance(self.encoder, WordsSpec) else self.encoder.kind

    @model_validator(mode="after")
    def _inputs_are_the_encoders(self) -> Self:
        if len(self.inputs) != len(self.encoder.tensors()):
            raise ValueError(f"a graph for {self.encoder.kind} takes {self.encoder.tensors()}")
        return self

    @model_validator(mode="after")
    def _labels_are_distinct(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels must be distinct")
        if (self.task == "classify") != (len(self.labels) > 1):
            raise ValueError("a classifier has two labels or more, any other model has none")
        return self

    @model_validator(mode="after")
    def _doubts_are_a_classifiers(self) -> Self:
        if self.task != "classify" and (self.conformal or self.novelty):
            raise ValueError("only a classifier has label sets and a threshold of novelty")
        if self.novelty and ("novelty", ("batch",)) not in {
            (s.name, s.shape) for s in self.outputs
        }:
            raise ValueError("without an output 'novelty' (batch,), novelty has no threshold")
        return self

    @model_validator(mode="after")
    def _outputs_are_the_tasks(self) -> Self:
        missing = OUTPUTS[self.task] - {spec.name for spec in self.outputs}
        if missing:
            raise ValueError(f"to {self.task}, a graph gives {', '.join(sorted(missing))} too")
        return self
