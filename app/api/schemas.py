"""The JSON of the catalog, the probes and errors. The answers of tasks are in `app.tasks`."""

from datetime import datetime
from typing import Any, Literal

from app.bundle import Manifest
from app.serving.catalog import Entry
from app.serving.choice import Choice
from app.serving.rule_state import HeldBack, rule_members, whole_seconds
from app.wire import Wire


class Version(Wire):
    """One published version: its state, and facts of its manifest.

    `degraded` is true while it gives no valid answers; it answers all the same.
    """

    version: int
    state: str
    reason: str | None = None
    degraded: bool | None = None
    provider: str | None = None
    facts: dict[str, Any] | None = None


class ServingState(Wire):
    """Which version answers where a request names none.

    since: when it began to, in the process that answers. policy, pinned, keep, held: the rule in
    force (`serving.json`). changed: when its file was written. problem: why another version serves
    than that file asks for, or none.
    """

    version: int | None = None
    since: datetime | None = None
    policy: str | None = None
    pinned: int | None = None
    keep: int | None = None
    held: tuple[HeldBack, ...] = ()
    changed: datetime | None = None
    problem: str | None = None


class Model(Wire):
    """A published model."""

    name: str
    modality: str | None = None
    task: str | None = None
    serving: ServingState
    versions: list[Version]


class ModelObject(Wire):
    """A model in the form of OpenAI's API. created: when its version was published, in seconds."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["thalamus"] = "thalamus"


class DescribedModel(Model, ModelObject):
    """One model. `ready`: whether a version of it serves, in the words of KServe's V1 protocol."""

    ready: bool


class Models(Wire):
    """The catalog; `data` holds those that serve, in the form of OpenAI's API."""

    models: list[Model]
    object: Literal["list"] = "list"
    data: list[ModelObject]


class Live(Wire):
    """The answer of a process that is alive."""

    status: Literal["alive"] = "alive"


class Ready(Wire):
    """Whether requests can be answered; the state of each version, by `<name>/<version>`."""

    status: Literal["ready", "not ready"]
    models: dict[str, str]


class Problem(Wire):
    """An error in the form of RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    index: int | None = None


def model_entry(entries: list[Entry], choice: Choice, *, facts: bool) -> Model:
    """Render the versions of one model; `facts` adds what their manifests say."""
    known = [entry.model.manifest for entry in entries if entry.model]
    return Model(
        name=entries[0].name,
        modality=known[-1].modality if known else None,
        task=known[-1].task if known else None,
        serving=_serving(choice),
        versions=[
            Version(
                version=entry.version,
                state=entry.state,
                reason=entry.reason,
                degraded=(entry.model is not None and entry.model.degraded) or None,
                provider=entry.model.pipeline.provider if entry.model else None,
                facts=facts_of(entry.model.manifest) if entry.model and facts else None,
            )
            for entry in entries
        ],
    )


def described_model(entries: list[Entry], choice: Choice) -> DescribedModel:
    """Render one model with all that is known of it."""
    return DescribedModel(
        **model_entry(entries, choice, facts=True).model_dump(),
        **model_object(entries, choice).model_dump(),
        ready=choice.version is not None,
    )


def model_object(entries: list[Entry], choice: Choice) -> ModelObject:
    """Render one model in the form of OpenAI's API.

    created: when the version that serves was published, or the latest one where none does.
    """
    version = entries[-1].version if choice.version is None else choice.version
    written = [e.seen.written for e in entries if e.seen is not None and e.version == version]
    return ModelObject(id=entries[0].name, created=int(max(written, default=0.0)))


def _serving(choice: Choice) -> ServingState:
    return ServingState(
        version=choice.version,
        since=None if choice.since is None else whole_seconds(choice.since),
        changed=None if choice.changed is None else whole_seconds(choice.changed),
        problem=choice.problem,
        **({} if choice.rule is None else rule_members(choice.rule)),
    )


def facts_of(manifest: Manifest) -> dict[str, object]:
    """Return the facts of a manifest that clients may want to know."""
    return {
        "description": manifest.description,
        "labels": list(manifest.labels),
        "encoder": manifest.encoder.model_dump(),
        "metrics": [m.model_dump() for m in manifest.metrics],
        "provenance": manifest.provenance.model_dump(),
        "licence": manifest.licence,
        **{
            name: value.model_dump()
            for name, value in (
                ("conformal", manifest.conformal),
                ("novelty", manifest.novelty),
                ("confidence", manifest.confidence),
            )
            if value is not None
        },
    }
