"""The service on Ray Serve: the same application, and a deployment for each model.

`build` is what `serve run` and `serve deploy` import. The deployment `Thalamus` is the application
that `thalamus serve` runs, every address and dialect of it, but it runs no graph: the items of a
request go to a replica of the model's deployment, which batches them with those of others. So all
limits, refusals and answers are those of the plain service.

What Ray Serve does instead of the supervisor: it accepts connections (its proxy has no limits for
slow or many clients: put one in front that has), starts and replaces processes, and places them. A
new version of a deployed model is found by itself; a new model needs a deployment.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.bundle import read_bundle
from app.bundle.listing import list_models
from app.cluster.ray_library import load_ray
from app.cluster.replica import ModelReplica
from app.cluster.replica_queue import ReplicaQueue
from app.errors import ClusterError, OperatorError
from app.factory import Application, create_app
from app.in_flight import WorkerGroup
from app.names import unknown_name
from app.pipeline import ModelInterface
from app.serving.loading import LoadOptions
from app.serving.model import ServedModel
from app.settings import Settings, read_settings
from app.telemetry import configure_logging

_PATIENCE = 60.0  # seconds in which a replica must say that it serves a version


def build(arguments: Mapping[str, Any]) -> Any:
    """Return the Serve application. arguments: settings by name, such as `models`.

    Raises `OperatorError` for an unknown setting or a wrong value, and where there is no model.
    """
    load_ray()
    from ray import serve

    settings = _settings(arguments)
    names = sorted({name for name, _ in list_models(settings.models).versions})
    if not names:
        raise OperatorError(
            f"{settings.models}: no bundle here; expected NAME/VERSION/manifest.json"
        )
    replicas = serve.deployment(
        ModelReplica,
        max_ongoing_requests=settings.max_queue,
        health_check_period_s=2,
        health_check_timeout_s=settings.load_timeout,  # the first one waits for the models
        graceful_shutdown_timeout_s=settings.deadline,
    )
    handles = {
        name: replicas.options(name=name).bind(name, settings, settings.threads or 1)
        for name in names
    }
    application = serve.deployment(
        serve.ingress()(Thalamus),
        name="Thalamus",
        max_ongoing_requests=settings.max_requests,
        ray_actor_options={"num_cpus": 0.1},
    )
    return application.bind(settings, handles)


class Thalamus:
    """The application in its replica. handles: of the models' deployments, by name."""

    def __init__(self, settings: Settings, handles: Mapping[str, Any]) -> None:
        configure_logging()
        self._settings = settings.model_copy(update={"device": "cpu"})  # no graph runs here
        self._group = WorkerGroup(load=Elsewhere(handles).load)

    def __serve_build_asgi_app__(self) -> Application:
        """Return the application."""
        return create_app(self._settings, self._group)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Opens versions that the replicas of deployments run. handles: by the model's name."""

    handles: Mapping[str, Any]

    def load(self, folder: Path, options: LoadOptions, digest: str | None) -> ServedModel:
        """Return the model in a version's folder, as `app.serving.loading.load` does."""
        name, version = folder.parent.name, int(folder.name)
        handle = self.handles.get(name)
        if handle is None:
            raise ClusterError(f"{name}: the model is new; deploy again, for a deployment of it")
        bundle = read_bundle(folder, options.registry, digest)
        provider = handle.open.remote(version, digest).result(timeout_s=_PATIENCE)
        queue = ReplicaQueue(handle, version)
        interface = ModelInterface(bundle, provider)
        return ServedModel(interface, queue, options.deadline, bundle.example)


def _settings(arguments: Mapping[str, Any]) -> Settings:
    for name in arguments:
        if name not in Settings.model_fields:
            raise OperatorError(unknown_name("setting", name, Settings.model_fields))
    return read_settings(arguments, str)
