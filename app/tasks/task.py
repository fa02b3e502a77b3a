"""What a task is: everything that differs between classifying, embedding, reconstructing, ...

A new task is one file with one `Task` value. The composition root hands the values down; manifest
validation, golden cases, decoding, routes, OpenAPI and the command line are made of them, and
nothing else in the service names a task.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import GenericAlias
from typing import Any, ClassVar, Protocol

from pydantic import create_model

from app.bundle import GoldenCase, Manifest, Registry
from app.bundle.tensors import Arrays
from app.modalities import Encoded, Encoder, Modality, Payload
from app.wire import Wire


class Options(Wire):
    """What a client may choose of a task, in the query of its address."""

    task: ClassVar[str]

    @property
    def explains(self) -> bool:
        """Whether the graph is to compute what only explanations need."""
        return False


Decode = Callable[[Encoded[Any], Arrays, Any], Any]  # of an item, its outputs and the options
# Of a manifest and all answers to a request: the body.
Rendering = Callable[[Manifest, Sequence[Any]], bytes]


class Generation(Protocol):
    """One answer that is made in steps: what to ask the model next, until it is finished."""

    payload: Payload

    @property
    def finish_reason(self) -> str | None:
        """Why it ended; None while it has not."""
        ...

    def append(self, answer: Any) -> Any:
        """Take the model's answer to `payload`, choose, and return the step that was made."""
        ...


@dataclass(frozen=True, slots=True)
class Steps:
    """How a task answers that asks the model several times, each time with what it chose.

    request: what a client sends, as JSON. parse: a body → the request; raises a `ClientError`.
    begin: of the model's encoder and a request, the generation. step: a step as JSON, of the type
    `step_type`; `event` is its name in a stream. summary: the rest of the answer, of the type
    `summary_type`. whole: the answer as one, of the type `response`; model and version are added
    to both. golden: of a golden case's payload, the generation that is compared.
    """

    request: type[Wire]
    parse: Callable[[bytes], Any]
    begin: Callable[[Encoder, Any], Generation]
    step: Callable[[Any], dict[str, Any]]
    summary: Callable[[Any], dict[str, Any]]
    whole: Callable[[Any], dict[str, Any]]
    event: str
    step_type: type[Wire]
    summary_type: type[Wire]
    response: type[Wire]
    golden: Callable[[Encoder, Payload], Generation]


def _allow(manifest: Manifest) -> None:
    """Allow everything."""


def _same(_registry: Registry) -> Any:
    return Any


@dataclass(frozen=True, slots=True)
class Task:
    """One thing that models do.

    name: what a manifest's `task` says; it is the verb in addresses too. about: what a request
        does, a clause that "with a model" follows.
    outputs: the names of what a graph of this task must give.
    check: raises `ValueError` for a manifest of this task that contradicts itself.
    supports: whether a model can be asked this, whatever its manifest's task is.
    options: what a client may choose. golden_options: what golden cases are asked with.
    decoder: of a model, what turns one item's outputs into its answer.
    plural: the member of the response that holds the answers. answer_type: of the registry, the
        type of one of them; `item` writes it as JSON.
    renderings: by media type, other forms of a response.
    abstained: how many of the answers the model abstains from; None where it cannot.
    golden: the class of its golden cases; `golden_case` makes one of an answer and what every case
        has; `top_answer` is what a golden case is expected to be, and its score of 0 to 1;
        `difference` says how an answer differs from a case by more than a tolerance.
    example: a golden case as the item of a response; None where it holds too little for that.
    steps: how it answers step by step, where it does.
    """

    name: str
    about: str
    plural: str
    options: type[Options]
    decoder: Callable[[Manifest, Modality], Decode]
    item: Callable[[Any], Any]
    golden: type[GoldenCase]
    golden_options: Options
    golden_case: Callable[[Any, Mapping[str, str]], GoldenCase]
    top_answer: Callable[[Any], tuple[str, float]]
    difference: Callable[[Any, Any, float], str | None]
    outputs: frozenset[str] = frozenset()
    check: Callable[[Manifest], None] = _allow
    supports: Callable[[Manifest], bool] | None = None
    answer_type: Callable[[Registry], Any] = _same
    renderings: Mapping[str, Rendering] = field(default_factory=dict)
    abstained: Callable[[Sequence[Any]], int | None] = lambda _: None
    example: Callable[[Manifest, Any], Any] = lambda _manifest, _case: None
    steps: Steps | None = None

    def can(self, manifest: Manifest) -> bool:
        """Say whether a model can be asked this."""
        if self.supports is not None:
            return self.supports(manifest)
        return manifest.task == self.name

    def response(self, registry: Registry) -> type[Wire]:
        """Return the type of a whole response."""
        if self.steps is not None:
            return self.steps.response
        answers = GenericAlias(list, (self.answer_type(registry),))
        fields: dict[str, Any] = {"model": str, "version": int, self.plural: answers}
        name, about = f"{self.name.capitalize()}Response", "The answers, in the order of the items."
        return create_model(name, __base__=Wire, __doc__=about, **fields)


def furthest(
    published: Mapping[str, float], actual: Mapping[str, float], tolerance: float
) -> str | None:
    """Name the number that is furthest from the published one, where that is too far."""
    name = max(published, key=lambda each: abs(actual[each] - published[each]))
    if abs(actual[name] - published[name]) <= tolerance:
        return None
    return f"{name} was published with {published[name]:.4f}, here it is {actual[name]:.4f}"
