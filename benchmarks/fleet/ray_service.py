"""The service on a Ray cluster, deployed as an operator deploys it, with `serve deploy`."""

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.fleet.nodes import RayCluster
from benchmarks.reliability.client import ask
from benchmarks.servers import ROOT, free_port

CONFIGURATION = ROOT / "deploy" / "ray" / "serve.yaml"
_PATIENCE = 300.0


class NotDeployed(Exception):
    """The service is not ready in time; the text is what Ray Serve says about it."""


class RayService:
    """The shipped configuration on a cluster, with another folder of models and another port.

    deployments: options of the deployments, by name, in the place of those that are shipped.
    """

    def __init__(
        self, cluster: RayCluster, models: Path, deployments: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.cluster, self.port = cluster, free_port()
        document = yaml.safe_load(CONFIGURATION.read_text())
        document["http_options"]["port"] = self.port
        document["proxy_location"] = "HeadOnly"  # the nodes share one address here
        [application] = document["applications"]
        application["args"]["models"] = str(models)
        application["deployments"] = [
            {"name": name, **options} for name, options in deployments.items()
        ]
        self.configuration = cluster.folder.with_name("serve.yaml")
        self.configuration.write_text(yaml.safe_dump(document))

    def deploy(self, wait: bool = True) -> None:
        """Deploy it and wait until it is ready; raise `NotDeployed`."""
        done = self._serve("deploy", str(self.configuration))
        if done.returncode:
            raise NotDeployed(done.stderr[-2000:])
        if not wait:
            return
        ended = time.monotonic() + _PATIENCE
        while ask(self.port, "GET", "/readyz", timeout=2).status != 200 or not self.running():
            if time.monotonic() > ended:
                raise NotDeployed(json.dumps(self.status())[-2000:])
            time.sleep(0.2)

    def delete(self) -> None:
        """End it."""
        self._serve("shutdown", "-y")

    def status(self) -> Mapping[str, Any]:
        """Return what Ray Serve says about it."""
        done = self._serve("status")
        found: Mapping[str, Any] = yaml.safe_load(done.stdout) or {}
        return found

    def running(self) -> bool:
        """Whether all deployments have the replicas that they should have."""
        applications = self.status().get("applications", {})
        return bool(applications) and all(a["status"] == "RUNNING" for a in applications.values())

    def replicas(self, name: str) -> list[int]:
        """Return the ids of the processes of a deployment."""
        return self.cluster.processes(f"ray::ServeReplica:thalamus:{name}")

    def logged(self, event: str) -> list[Mapping[str, Any]]:
        """Return the lines of this event in the logs of all replicas."""
        found = []
        for path in (self.cluster.folder / "session_latest" / "logs").rglob("*"):
            if path.is_file() and path.suffix in (".log", ".err", ".out"):
                lines = path.read_text(errors="replace").splitlines()
                found += [json.loads(line) for line in lines if f'"event": "{event}"' in line[:200]]
        return found

    def _serve(self, *words: str) -> "subprocess.CompletedProcess[str]":
        address = f"http://127.0.0.1:{self.cluster.dashboard_port}"
        command = [sys.executable, "-m", "ray.serve.scripts", words[0], "-a", address, *words[1:]]
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.cluster.environment,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
