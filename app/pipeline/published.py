"""How the answers of each task are published with a bundle, and compared with what it answers.

One class a task, all of one shape: `answers` asks what golden cases are asked, `called` is what an
answer calls its item, `case` the answer as it is published, `difference` how another differs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from app.bundle import (
    GoldenCase,
    GoldenClasses,
    GoldenCompletion,
    GoldenReconstruction,
    GoldenWord,
    Task,
)
from app.modalities import Payload
from app.outputs import Prediction, Reconstruction
from app.pipeline.generation import Continuation, Manner, begin, complete
from app.pipeline.item import Classes, Rebuilt
from app.pipeline.pipeline import Pipeline

TOP = 5  # probabilities published with each case
ALL = 1 << 30


class Published(Protocol):
    """The published answers of one task."""

    def answers(self, pipeline: Pipeline, payloads: Sequence[Payload]) -> Sequence[Any]:
        """Ask what golden cases are asked, of all payloads in one batch."""
        ...

    def called(self, answer: Any) -> tuple[str, float]:
        """Return what the item is called, as `Golden.expected` has it, and how much so, 0..1."""
        ...

    def case(self, answer: Any, about: Mapping[str, str]) -> GoldenCase:
        """Return the golden case of this answer; `about` is what every case has."""
        ...

    def difference(self, case: Any, answer: Any, tolerance: float) -> str | None:
        """Say how the answer differs from the published one by more than `tolerance`."""
        ...


class PublishedClasses:
    """Labels and probabilities: a case holds when every published probability is met."""

    def answers(self, pipeline: Pipeline, payloads: Sequence[Payload]) -> Sequence[Prediction]:
        """Ask for all labels."""
        return pipeline.predict(payloads, Classes(ALL))

    def called(self, answer: Prediction) -> tuple[str, float]:
        """Return the label and its probability."""
        return answer.label, answer.probability

    def case(self, answer: Prediction, about: Mapping[str, str]) -> GoldenCase:
        """Return the case; it has the probabilities of the first labels only."""
        return GoldenClasses(**about, probabilities=dict(answer.top[:TOP]), novelty=answer.novelty)

    def difference(self, case: GoldenClasses, answer: Prediction, tolerance: float) -> str | None:
        """Name the label whose probability is furthest from the published one, or the novelty."""
        published = {repr(label): number for label, number in case.probabilities.items()}
        actual = {repr(label): number for label, number in answer.top}
        if case.novelty is not None and answer.novelty is not None:
            published["novelty"], actual["novelty"] = case.novelty, answer.novelty
        return _furthest(published, actual, tolerance)


class PublishedReconstruction:
    """Error, novelty and code: a case holds when every number of them is met."""

    def answers(self, pipeline: Pipeline, payloads: Sequence[Payload]) -> Sequence[Reconstruction]:
        """Ask for reconstructions."""
        return pipeline.predict(payloads, Rebuilt())

    def called(self, answer: Reconstruction) -> tuple[str, float]:
        """Return `novel` or `familiar`, and the novelty."""
        return "novel" if answer.novelty >= 0.5 else "familiar", answer.novelty

    def case(self, answer: Reconstruction, about: Mapping[str, str]) -> GoldenCase:
        """Return the case; the picture itself follows from the code."""
        return GoldenReconstruction(
            **about,
            reconstruction_error=answer.error,
            novelty=answer.novelty,
            embedding=answer.embedding,
        )

    def difference(
        self, case: GoldenReconstruction, answer: Reconstruction, tolerance: float
    ) -> str | None:
        """Name the number that is furthest from the published one."""
        if len(case.embedding) != len(answer.embedding):
            return (
                f"{len(case.embedding)} features were published, here are {len(answer.embedding)}"
            )
        published = {"error": case.reconstruction_error, "novelty": case.novelty}
        published |= {f"feature {i}": value for i, value in enumerate(case.embedding)}
        actual = dict(
            zip(published, (answer.error, answer.novelty, *answer.embedding), strict=True)
        )
        return _furthest(published, actual, tolerance)


class PublishedCompletion:
    """The likeliest continuation: a case holds when its words come, each as probable as published.

    Where another word comes instead that is as probable within the tolerance, the comparison ends.
    """

    manner = Manner(max_words=8, alternatives=5)

    def answers(self, pipeline: Pipeline, payloads: Sequence[Payload]) -> Sequence[Continuation]:
        """Go on from all payloads together."""
        continuations = [begin(pipeline, payload, self.manner) for payload in payloads]
        complete(pipeline, continuations)
        return continuations

    def called(self, answer: Continuation) -> tuple[str, float]:
        """Return the first word and its probability."""
        return answer.words[0].word, answer.words[0].probability

    def case(self, answer: Continuation, about: Mapping[str, str]) -> GoldenCase:
        """Return the case of all words."""
        words = [GoldenWord(word=w.word, probability=w.probability) for w in answer.words]
        return GoldenCompletion(**about, words=tuple(words))

    def difference(
        self, case: GoldenCompletion, answer: Continuation, tolerance: float
    ) -> str | None:
        """Name the first word that differs."""
        for place, (published, actual) in enumerate(zip(case.words, answer.words, strict=True), 1):
            probability = dict(actual.alternatives).get(published.word, 0.0)
            if abs(probability - published.probability) > tolerance:
                return (
                    f"word {place}, {published.word!r}, was published with "
                    f"{published.probability:.4f}, here it is {probability:.4f}"
                )
            if actual.word != published.word:
                return None
        return None


def _furthest(
    published: Mapping[str, float], actual: Mapping[str, float], tolerance: float
) -> str | None:
    """Name the number that is furthest from the published one, where that is too far."""
    name = max(published, key=lambda each: abs(actual[each] - published[each]))
    if abs(actual[name] - published[name]) <= tolerance:
        return None
    return f"{name} was published with {published[name]:.4f}, here it is {actual[name]:.4f}"


PUBLISHED: Mapping[Task, Published] = {
    "classify": PublishedClasses(),
    "reconstruct": PublishedReconstruction(),
    "complete": PublishedCompletion(),
}
