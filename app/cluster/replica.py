"""A replica of a model on Ray Serve: the versions of one model, each with the service's batcher.

It reads the bundles from the folder of models on its own node, which must be there under the same
path on every node: shared storage, or a copy. Each version is hashed and replays its golden cases
before it answers, as in the plain service, and a new version is found, loaded and served without a
deployment. A replica none of whose versions can serve does not start; the others go on.
"""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.background import Job, attempt, in_background
from app.cluster.asked import Asked, Reply
from app.errors import ClusterError, ThalamusError
from app.process.loading import load_options
from app.process.resources import use_one_heap
from app.registry import SHIPPED
from app.serving.catalog import Catalog, VersionState
from app.serving.loading import LoadOptions
from app.serving.model import ServedModel
from app.settings import Settings
from app.telemetry import Timings, configure_logging

REPORTED_SECONDS = "queue_seconds"  # what a replica reports for autoscaling


class ModelReplica:
    """Answers for one model; a deployment of Ray Serve makes it. threads: of a session."""

    def __init__(self, name: str, settings: Settings, threads: int) -> None:
        configure_logging()
        use_one_heap()
        self._name, self._settings = name, settings
        self._folder = tempfile.TemporaryDirectory(prefix="replica-")
        root = Path(self._folder.name)
        (root / name).symlink_to(settings.models.absolute() / name)  # nothing but this model
        self._catalog = Catalog(root, _options(settings, threads), {})
        self._jobs: Any = None
        self._started = asyncio.Lock()

    async def open(self, version: int, digest: str | None) -> str:
        """Return the provider that runs a version; raise `ClusterError` that names the node.

        digest: of the manifest, which must be that of the content here.
        """
        await self._start()
        await self._catalog.refresh()
        entry = next((e for e in self._catalog.entries if e.version == version), None)
        if entry is None:
            raise ClusterError(f"node {_node()}: it has no {self._name}/{version} in its folder")
        if entry.model is None:
            raise ClusterError(f"node {_node()}: {self._name}/{version} is {_why(entry)}")
        if digest not in (None, entry.digest):
            what = f"{self._name}/{version} is another content there"
            raise ClusterError(f"node {_node()}: {what}")
        return entry.model.pipeline.provider

    async def answer(self, asked: Asked) -> Reply:
        """Answer the items of one request."""
        await self._start()
        served: ServedModel | None = None
        timings = Timings()
        try:
            served = await self._catalog.find(self._name, asked.version)
            answers = await served.answer(
                asked.payloads,
                asked.options,
                timings,
                admitted=asked.admitted,
                seconds=max(0.0, asked.seconds),
            )
        except ThalamusError as error:
            error.__cause__ = error.__context__ = None  # it travels without what led to it
            return self._reply(served, Reply(error=error))
        stages = {name: spent for name, spent in timings.stages.items() if name != "queue"}
        return self._reply(served, Reply(answers, None, stages))

    def record_autoscaling_stats(self) -> Mapping[str, float]:
        """Return what Ray Serve shall know for autoscaling: how long items wait here."""
        models = [entry.model for entry in self._catalog.entries if entry.model]
        return {REPORTED_SECONDS: max((model.queued_seconds for model in models), default=0.0)}

    async def check_health(self) -> None:
        """Raise `ClusterError` where no version can serve; Ray Serve then replaces the replica."""
        await self._start()
        if not self._catalog.ready:
            reasons = [f"{e.name}/{e.version} is {_why(e)}" for e in self._catalog.entries]
            why = "; ".join(reasons) or f"it has no {self._name} in its folder"
            raise ClusterError(f"node {_node()}: {why}")

    async def _start(self) -> None:
        """Load what the folder has, at the first call."""
        if self._jobs is not None:
            return
        async with self._started:
            if self._jobs is None:
                await self._catalog.refresh()
                look = Job("look for new bundles", self._catalog.look, self._settings.poll)
                self._jobs = in_background(look)
                await self._jobs.__aenter__()

    async def __del__(self) -> None:
        """Answer what was accepted and free the models; Ray Serve awaits it at the end."""
        if self._jobs is not None:
            await self._jobs.__aexit__(None, None, None)
        await attempt("close the models", self._catalog.close)
        self._folder.cleanup()

    @staticmethod
    def _reply(served: ServedModel | None, reply: Reply) -> Reply:
        if served is None:
            return reply
        items, seconds = served.queued_items, served.queued_seconds
        return replace(reply, queued_items=items, queued_seconds=seconds)


def _options(settings: Settings, threads: int) -> LoadOptions:
    found = load_options(settings, SHIPPED, threads, threads)
    return found if _has_gpu() else replace(found, device="cpu")


def _has_gpu() -> bool:
    import ray

    return bool(ray.get_runtime_context().get_accelerator_ids().get("GPU"))


def _node() -> str:
    import ray.util

    return str(ray.util.get_node_ip_address())


def _why(entry: Any) -> str:
    if entry.state is VersionState.FAILED:
        return f"not served: {entry.reason}"
    return str(entry.state)
