"""Every metric of the service: a contract with dashboards and alerts, in Prometheus' conventions.

Values are in base units (seconds, bytes). Label values are published models and their versions, and
fixed sets of names, so the number of series is bounded by what is published.
"""

from dataclasses import dataclass
from typing import Literal

SECONDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
ITEMS = (1, 2, 4, 8, 16, 32, 64, 128, 256)

_VERSION = ("model", "version")


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. name: without the suffixes of its samples. text: its help, in one line.

    buckets: upper bounds, of a histogram. across: how the values of the workers become one.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    across: Literal["sum", "max"] = "sum"

    @property
    def numbers(self) -> int:
        """How many numbers a series has: a value; or counts, the count above, and the sum."""
        return len(self.buckets) + 2 if self.buckets else 1


REQUESTS = Family(
    "thalamus_requests",
    "counter",
    "Answers by HTTP status; model and version are empty where no published one was found.",
    (*_VERSION, "operation", "status"),
)
REFUSALS = Family(
    "thalamus_refusals",
    "counter",
    "Requests that were refused or given up for a limit or a state of the service.",
    ("model", "reason"),
)
REQUEST_SECONDS = Family(
    "thalamus_request_seconds",
    "histogram",
    "Time from the head of a request to the end of its answer, of those answered 200.",
    (*_VERSION, "operation"),
    SECONDS,
)
STAGE_SECONDS = Family(
    "thalamus_stage_seconds",
    "histogram",
    "Time spent in each stage of a request.",
    (*_VERSION, "stage"),
    SECONDS,
)
ITEMS_ANSWERED = Family("thalamus_items", "counter", "Items answered.", _VERSION)
ABSTAINED = Family("thalamus_abstained", "counter", "Answers not to be relied on.", _VERSION)
LAST_ANSWER = Family(
    "thalamus_last_answer_timestamp_seconds",
    "gauge",
    "Time of the latest answer with status 200, in seconds since the Unix epoch; 0 before it.",
    _VERSION,
    across="max",
)
BATCH_ITEMS = Family(
    "thalamus_batch_items", "histogram", "Items of each batch that was run.", _VERSION, ITEMS
)
IN_FLIGHT = Family("thalamus_requests_in_flight", "gauge", "Requests that are being answered.")
QUEUE_ITEMS = Family("thalamus_queue_items", "gauge", "Items that wait for a batch.", _VERSION)
QUEUE_SECONDS = Family(
    "thalamus_queue_seconds",
    "gauge",
    "Estimated time until the waiting items are answered, in the worker where that is longest.",
    _VERSION,
    across="max",
)
VERSION_WORKERS = Family(
    "thalamus_version_workers",
    "gauge",
    "Workers in which a published version is in each state.",
    (*_VERSION, "state"),
)
SERVING_WORKERS = Family(
    "thalamus_serving_workers",
    "gauge",
    "Workers in which this version answers requests that name none.",
    _VERSION,
)
SERVING_RULE_PROBLEMS = Family(
    "thalamus_serving_rule_problems",
    "gauge",
    "Workers in which another version serves than the model's serving.json asks for.",
    ("model",),
)
LOAD_FAILURES = Family(
    "thalamus_load_failures", "counter", "Attempts to load a version that failed.", _VERSION
)
KEYS_FILE_ERROR = Family(
    "thalamus_keys_file_error",
    "gauge",
    "1 while the file of API keys cannot be used, and the last good keys are in force.",
    across="max",
)
WORKERS = Family("thalamus_workers", "gauge", "Workers that the service runs.")
WORKER_RESTARTS = Family(
    "thalamus_worker_restarts", "counter", "Workers that were started in place of a lost one."
)
BUILD_INFO = Family(
    "thalamus_build_info",
    "gauge",
    "Always 1; the labels say what runs.",
    ("version", "onnxruntime", "provider"),
)
MEMORY = Family(
    "process_resident_memory_bytes", "gauge", "Resident memory of a worker.", ("worker",)
)
CPU_SECONDS = Family(
    "process_cpu_seconds", "counter", "CPU time that a worker has used.", ("worker",)
)
OPEN_FDS = Family("process_open_fds", "gauge", "Open file descriptors of a worker.", ("worker",))
MAX_FDS = Family("process_max_fds", "gauge", "The limit of open file descriptors.", ("worker",))
START_TIME = Family(
    "process_start_time_seconds",
    "gauge",
    "Start of a worker, in seconds since the Unix epoch.",
    ("worker",),
)

FAMILIES = (
    *(REQUESTS, REFUSALS, REQUEST_SECONDS, STAGE_SECONDS, ITEMS_ANSWERED, ABSTAINED, BATCH_ITEMS),
    *(LAST_ANSWER, IN_FLIGHT, QUEUE_ITEMS, QUEUE_SECONDS, VERSION_WORKERS),
    *(SERVING_WORKERS, SERVING_RULE_PROBLEMS, LOAD_FAILURES),
    *(KEYS_FILE_ERROR, WORKERS, WORKER_RESTARTS, BUILD_INFO),
    *(MEMORY, CPU_SECONDS, OPEN_FDS, MAX_FDS, START_TIME),
)
