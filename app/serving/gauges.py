"""The gauges of one worker: what its versions, queues and process are like now.

Each worker sets its own once a second, and when it is scraped. They are added up over the workers,
so the state of a version is a number of workers. What a lost worker has set goes when another takes
its place; a version that was removed goes within a second.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress

from app.in_flight import WorkerGroup
from app.metrics import Metrics, families
from app.metrics.exposition import Values
from app.metrics.process import ProcessUsage
from app.serving.catalog import Catalog, VersionState


class Gauges:
    """Sets the gauges in `metrics`. build: the labels of the metric that says what runs."""

    def __init__(
        self, catalog: Catalog, metrics: Metrics, workers: WorkerGroup, build: Mapping[str, str]
    ) -> None:
        self._catalog, self._metrics, self._workers = catalog, metrics, workers
        self._process = ProcessUsage()
        self._build = tuple(build[label] for label in families.BUILD_INFO.labels)

    def update(self) -> None:
        """Set every gauge of this worker; make all series of a version appear."""
        states: dict[tuple[str, ...], float] = {}
        items: dict[tuple[str, ...], float] = {}
        seconds: dict[tuple[str, ...], float] = {}
        latest: dict[tuple[str, ...], float] = {}
        for entry in self._catalog.entries:
            version = (entry.name, str(entry.version))
            states |= {(*version, state): float(entry.state is state) for state in VersionState}
            self._metrics.load_failed(entry.name, entry.version, 0)
            if (model := entry.model) is None:
                continue
            manifest = model.manifest
            self._metrics.expect(
                entry.name, entry.version, model.pipeline.tasks, abstains=manifest.abstains
            )
            items[version], seconds[version] = float(model.queued_items), model.queued_seconds
            latest[version] = self._metrics.latest_answer(entry.name, entry.version)
        self._set_serving({entry.name for entry in self._catalog.entries})
        self._metrics.set(families.VERSION_WORKERS, states)
        self._metrics.set(families.QUEUE_ITEMS, items)
        self._metrics.set(families.QUEUE_SECONDS, seconds)
        self._metrics.set(families.LAST_ANSWER, latest)
        for family, value in self._process.read():
            self._metrics.set(family, {(self._metrics.worker,): value})

    def _set_serving(self, names: Iterable[str]) -> None:
        choices = [self._catalog.choice(name) for name in names]
        serving: dict[tuple[str, ...], float] = {
            (c.name, str(c.version)): 1.0 for c in choices if c.version is not None
        }
        problems: dict[tuple[str, ...], float] = {
            (c.name,): float(c.problem is not None) for c in choices
        }
        self._metrics.set(families.SERVING_WORKERS, serving)
        self._metrics.set(families.SERVING_RULE_PROBLEMS, problems)

    def totals(self) -> dict[str, Values]:
        """Return the series of all workers, by the name of their family."""
        self._try_to_update()
        return self._metrics.totals()

    def _try_to_update(self) -> None:
        with suppress(Exception):  # it is tried again each second, and an error is logged there
            self.update()

    def render(self) -> bytes:
        """Return the metrics of the service in the Prometheus text format."""
        self._try_to_update()
        return self._metrics.render(
            {
                families.IN_FLIGHT: {(): self._workers.in_flight.total},
                families.WORKERS: {(): self._workers.count},
                families.WORKER_RESTARTS: {(): self._workers.restarts()},
                families.BUILD_INFO: {self._build: 1},
            }
        )
