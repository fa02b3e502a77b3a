"""A rolling restart of three instances behind a real nginx."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.reliability.bundles import digit, serve_copies
from benchmarks.reliability.client import ClientBehaviour, Clients, ask, tally
from benchmarks.reliability.process import children
from benchmarks.reliability.promise import Experiment, Figure, Promise, Scope, Skipped, exactly
from benchmarks.reliability.service import Launch, running, wait_until
from benchmarks.servers import free_port

_INSTANCES, _CLIENTS = 3, 8
_NEW = ClientBehaviour(kept=False, pause=0.005)
_SEARCHED = "/usr/sbin:/usr/local/sbin"
# As an operator writes it: kept-alive connections to the instances, and nothing tried again that
# was sent. An instance is in the list while it is ready, as orchestrators keep it.
_CONFIGURATION = """
worker_processes 1;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream thalamus {{
        {servers}
        keepalive 32;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://thalamus;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
        }}
    }}
}}
"""


@dataclass(frozen=True)
class _Proxy:
    program: str
    folder: Path
    port: int

    def _configure(self, ports: Sequence[int]) -> None:
        """Write the configuration."""
        servers = "\n        ".join(f"server 127.0.0.1:{port};" for port in ports)
        text = _CONFIGURATION.format(folder=self.folder, servers=servers, port=self.port)
        (self.folder / "nginx.conf").write_text(text)

    @contextmanager
    def serving(self, ports: Sequence[int]) -> "Iterator[subprocess.Popen[bytes]]":
        """Run nginx in front of these ports."""
        self._configure(ports)
        command = [self.program, "-p", str(self.folder), "-c", str(self.folder / "nginx.conf")]
        command += ["-e", str(self.folder / "error.log"), "-g", "daemon off;"]
        process = subprocess.Popen(command)
        try:
            wait_until(lambda: ask(self.port, "GET", "/livez").status == 200, 10)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(10)

    def reload(self, process: "subprocess.Popen[bytes]", ports: Sequence[int]) -> None:
        """Let nginx pass requests to these ports, and wait until its new worker does."""
        self._configure(ports)
        before = set(children(process.pid))
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: bool(set(children(process.pid)) - before), 5)
        time.sleep(0.1)


def _restarts(scope: Scope) -> Iterator[tuple[str, Figure]]:
    """Restart one instance after the other, while clients ask through nginx."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:{_SEARCHED}")
    if program is None:
        raise Skipped("nginx is not installed")
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)  # for nginx's worker, which is another user
        models = serve_copies(folder / "models", "digits")
        settings = [{"PORT": str(free_port()), "LAME_DUCK": "1"} for _ in range(_INSTANCES)]
        launches = [Launch(models, each) for each in settings]
        services = [stack.enter_context(running(launch)) for launch in launches]
        proxy = _Proxy(program, folder, free_port())
        nginx = stack.enter_context(proxy.serving([each.port for each in services]))
        with Clients(proxy.port, [digit()], _CLIENTS, _NEW) as clients:
            time.sleep(0.5)
            for turn in range(scope.choose(10, 3)):
                index = turn % _INSTANCES
                services[index].end()
                others = [s.port for i, s in enumerate(services) if i != index]
                proxy.reload(nginx, others)
                services[index] = stack.enter_context(running(launches[index]))
                proxy.reload(nginx, [*others, services[index].port])
                time.sleep(0.5)
        yield "failed", Figure(clients.failed(), f"answers: {tally(clients.outcomes())}")


EXPERIMENTS = (
    Experiment(
        "stop/rolling-restart",
        (
            Promise(
                "failed",
                f"requests that fail while {_INSTANCES} instances behind nginx restart in turn",
                exactly(0, "requests"),
            ),
        ),
        _restarts,
    ),
)
