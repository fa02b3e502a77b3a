"""The type `Task`: everything that differs between classifying, embedding, reconstructing, ...

A new task is one file with one `Task` value. The composition root passes these values on. Manifest
validation, golden cases, decoding, routes, OpenAPI and the command line use them, and no other part
of the service names a task.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import GenericAlias
from typing import Any, ClassVar, Protocol, get_origin

from pydantic import ValidationError, create_model

from app.bundle import GoldenCase, Manifest, Registry
from app.bundle.tensors import Arrays
from app.errors import InvalidInput
from app.modalities import Encoded, Encoder, Modality, Payload
from app.names import unknown_name
from app.tasks.answer_tensor import AnswerTensor
from app.wire import Wire

_NAME = re.compile(r"[a-z][a-z0-9-]*")


class Options(Wire):
    """The options of a task in the query of a request."""

    task: ClassVar[str]

    @property
    def explains(self) -> bool:
        """Whether the graph must compute the outputs that only explanations need."""
        return False


def read_options(
    options: type[Options],
    given: Iterable[tuple[str, Any]],
    kind: str,
    prefix: Sequence[str] = (),
) -> Options:
    """Return the options that names and values give; raise `InvalidInput`.

    kind: what a name is, for the error text. prefix: stands before the name of a wrong value.
    """
    known = options.model_fields
    values: dict[str, Any] = {}
    for name, value in given:
        if name not in known:  # first, so that no error repeats a name that the client made up
            raise InvalidInput(unknown_name(kind, name, known))
        if name in values:
            raise InvalidInput(f"{'.'.join([*prefix, name])}: expected once, got more than once")
        values[name] = value
    try:
        return options.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join([*prefix, *map(str, first["loc"])]) or "options"
        raise InvalidInput(f"{place}: {first['msg']}") from None


def check_without_labels(manifest: Manifest) -> None:
    """Raise `ValueError` if a manifest has what belongs to a classifier: a `check` of tasks."""
    if manifest.labels or manifest.abstains:
        raise ValueError("only a classifier has labels, prediction sets, a threshold of novelty")


Decode = Callable[[Encoded[Any], Arrays, Any], Any]  # (item, its outputs, options) -> answer
# (manifest, all answers to a request) -> the body of the response
Rendering = Callable[[Manifest, Sequence[Any]], bytes]


class Generation(Protocol):
    """One answer that takes several runs of the model. `payload` is the input of the next one."""

    payload: Payload

    @property
    def finish_reason(self) -> str | None:
        """Why the generation has ended; None as long as it has not."""
        ...

    def append(self, answer: Any) -> Any:
        """Choose the next step from the model's answer to `payload`, and return it."""
        ...


@dataclass(frozen=True, slots=True)
class Steps:
    """The parts of a task that runs the model several times for one answer.

    request: the type of the JSON that a client sends. parse: a body -> the request; raises a
    `ClientError`. start: (encoder of the model, request) -> the generation. step: a step -> JSON of
    the type `step_type`, sent in a stream as the event `event`. summary: a generation -> the end of
    a stream, JSON of the type `summary_type`. whole: a generation -> the whole answer, JSON of the
    type `response`. Model and version are added to both. golden: (encoder, payload of a golden
    case) -> the generation for comparison.
    """

    request: type[Wire]
    parse: Callable[[bytes], Any]
    start: Callable[[Encoder, Any], Generation]
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
    """One task of models.

    name: the `task` of manifests, and the verb in addresses. about: the effect of a request, a
        clause that "with a model" can follow.
    outputs: the names of the outputs that a graph of this task must have.
    check: raises `ValueError` if a manifest of this task contradicts itself.
    supports: whether a model supports this task, whatever its manifest's task is.
    options: the type of a request's options. golden_options: the options for golden cases.
    decoder: (manifest, modality) -> the function from the outputs of one item to its answer.
    plural: the member of the response that holds the answers. answer_type: the registry -> the
        type of one answer in JSON; `item` converts an answer to it.
    renderings: other forms of a response, by media type.
    abstained: answers -> how many of them the model abstains from; None if it cannot abstain.
    golden: the class of its golden cases. `golden_case` makes one of an answer and the fields that
        all cases have. `top_answer` gives the most probable answer of a case and its score, 0 to 1.
        `difference` describes how an answer differs from a case by more than a tolerance.
    example: a golden case as an item of a response; None if the case has too few fields.
    steps: for a task that answers in steps.
    tensors: (manifest, modality, encoder) -> the tensors of an answer, for programs that read
        tensors; without it, they read the JSON of `item`. See `app.tasks.tensor_answers`.
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
    tensors: Callable[[Manifest, Modality, Any], Sequence[AnswerTensor]] | None = None

    def __post_init__(self) -> None:
        """Raise `ValueError` for a value that would be served wrongly, or not at all."""
        problem = None
        if not _NAME.fullmatch(self.name):
            problem = f"expected a name like {_NAME.pattern}"
        elif {self.options.task, self.golden_options.task} != {self.name}:
            problem = f"its options belong to the task {self.options.task!r}; give it a class"
        elif self.plural in ("", "model", "version"):
            problem = f"the member {self.plural!r} of a response has another meaning"
        elif self.steps is not None and self.options.model_fields:
            problem = "a task that answers in steps takes its options in the body"
        else:
            for name, option in self.options.model_fields.items():
                if option.is_required() or option.alias or get_origin(option.annotation) is list:
                    problem = f"the option {name} is required, has an alias or is a list"
        if problem:
            raise ValueError(f"task {self.name!r}: {problem}")

    def can(self, manifest: Manifest) -> bool:
        """Return whether a model supports this task."""
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
    """Return a sentence on the largest difference from a published number, if it is too large."""
    name = max(published, key=lambda each: abs(actual[each] - published[each]))
    if abs(actual[name] - published[name]) <= tolerance:
        return None
    return f"{name} was published with {published[name]:.4f}, here it is {actual[name]:.4f}"
