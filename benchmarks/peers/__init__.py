"""The peers: how each is started and which requests it gets. Each runs the file of its name.

`<file>.txt` pins the packages for its separate environment.
"""

import os
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import forms
from benchmarks.environments import PackageEnvironment
from benchmarks.forms import Form, Requests
from benchmarks.models import Workload

FILES = Path(__file__).parent
ENVIRONMENTS = FILES.parent / ".peers"
CORES = len(os.sched_getaffinity(0))
INSTALLING = 1800  # seconds, at most


def peer_environment(file: str) -> PackageEnvironment:
    """Return the separate environment of a file: `<file>.txt` pins what is installed into it."""
    return PackageEnvironment(FILES / f"{file}.txt", ENVIRONMENTS, INSTALLING)


@dataclass(frozen=True)
class Peer:
    """Another project's server. `{port}` and `{bin}` in the command are filled in."""

    name: str
    file: str
    command_line: str
    path: str
    ready_path: str
    form: Form = forms.raw
    workers: int = CORES

    def command(self, port: int) -> Sequence[str]:
        """The command that starts it."""
        return self.command_line.format(port=port, bin=self._bin).split()

    def environment(self, port: int, work: Workload) -> Mapping[str, str]:
        """The model, and the number of threads in a worker that uses all cores."""
        return {
            "BENCH_MODEL": str(work.bundle / "model.onnx"),
            "BENCH_SIDE": str(work.side),
            "BENCH_PORT": str(port),
            "BENCH_WORKERS": str(self.workers),
            "BENCH_THREADS": str(max(1, CORES // self.workers)),
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "PYTHONWARNINGS": "ignore",
            "LD_LIBRARY_PATH": sysconfig.get_config_var("LIBDIR"),  # PyTriton embeds this Python
        }

    def folder(self) -> Path:
        """Where its file is."""
        return FILES

    def ready(self, port: int) -> str:
        """An address that answers once the model is loaded."""
        return f"http://127.0.0.1:{port}{self.ready_path}"

    def requests(self, port: int, work: Workload, form: Form = forms.raw) -> Requests:
        """The requests in the form that it accepts, whatever `form` is."""
        return self.form(f"http://127.0.0.1:{port}{self.path}", work.media_type, work.payloads)

    def install(self) -> str | None:
        """Build its environment if there is none; return the reason of a failure in a line."""
        return peer_environment(self.file).install()

    @property
    def version(self) -> str:
        """The pin of its own package."""
        return (FILES / f"{self.file}.txt").read_text().split(maxsplit=1)[0]

    @property
    def _bin(self) -> Path:
        return peer_environment(self.file).bin


_PYTHON = "{bin}/python "
PEERS = (
    Peer(
        "mosec",
        "mosec_server",
        _PYTHON + "mosec_server.py --address 127.0.0.1 --port {port} --log-level error",
        "/inference",
        "/metrics",
    ),
    Peer(
        "LitServe",
        "litserve_server",
        _PYTHON + "litserve_server.py",
        "/predict",
        "/health",
        forms.multipart,
    ),
    Peer(
        "FastAPI + thread pool",
        "fastapi_threads",
        "{bin}/uvicorn fastapi_threads:app --port {port} --workers 2 --no-access-log",
        "/classify",
        "/ready",
    ),
    Peer(
        "PyTriton",
        "pytriton_server",
        _PYTHON + "pytriton_server.py",
        "/v2/models/picture/infer",
        "/v2/models/picture/ready",
        forms.triton,
    ),
    Peer(
        "MLServer",
        "mlserver_server",
        _PYTHON + "mlserver_server.py",
        "/v2/models/picture/infer",
        "/v2/models/picture/ready",
        forms.v2,
    ),
    Peer(
        "KServe",
        "kserve_server",
        _PYTHON + "kserve_server.py",
        "/v1/models/picture:predict",
        "/v2/models/picture/ready",
        forms.v1,
    ),
    Peer(
        "BentoML",
        "bentoml_server",
        "{bin}/bentoml serve bentoml_server:Service --port {port}",
        "/classify",
        "/readyz",
        forms.multipart,
    ),
    Peer(
        "naive FastAPI",
        "fastapi_naive",
        "{bin}/uvicorn fastapi_naive:app --port {port} --no-access-log",
        "/classify",
        "/ready",
        forms.multipart,
        workers=1,
    ),
    Peer("Ray Serve", "ray_server", _PYTHON + "ray_server.py", "/", "/-/healthz"),
)
LEFT_OUT = {
    "TorchServe": "no longer maintained; needs Java, and torch with gigabytes, to run an ONNX file"
}
