"""Golden cases: payloads as clients send them, and what the bundle was published to answer."""

from collections.abc import Mapping

from pydantic import Field, TypeAdapter

from app.bundle.manifest import Manifest, Task
from app.bundle.tensors import Frozen


class GoldenCase(Frozen):
    """A payload as a client would send it; the answer is as the bundle's task has it."""

    file: str
    media_type: str
    note: str = ""

    def contradiction(self, manifest: Manifest) -> str | None:
        """Say what no model with this manifest could answer."""
        return None


class GoldenClasses(GoldenCase):
    """Labels and their probabilities, and the novelty where the model has one."""

    probabilities: dict[str, float] = Field(min_length=1)
    novelty: float | None = Field(default=None, ge=0, le=1)

    def contradiction(self, manifest: Manifest) -> str | None:
        """Say so when it answers with a label that the manifest does not have."""
        known = set(self.probabilities) <= set(manifest.labels)
        return None if known else f"{self.file} answers with an unknown label"


class GoldenReconstruction(GoldenCase):
    """How far the input was from its reconstruction, how unlike the data, and its features."""

    reconstruction_error: float
    novelty: float = Field(ge=0, le=1)
    embedding: tuple[float, ...] = Field(min_length=1)


class GoldenWord(Frozen):
    """A word or mark of a continuation, and its probability."""

    word: str
    probability: float = Field(ge=0, le=1)


class GoldenCompletion(GoldenCase):
    """The likeliest continuation, word by word."""

    words: tuple[GoldenWord, ...] = Field(min_length=1)


GOLDEN_CASES: Mapping[Task, TypeAdapter[tuple[GoldenCase, ...]]] = {
    "classify": TypeAdapter(tuple[GoldenClasses, ...]),
    "reconstruct": TypeAdapter(tuple[GoldenReconstruction, ...]),
    "complete": TypeAdapter(tuple[GoldenCompletion, ...]),
}
