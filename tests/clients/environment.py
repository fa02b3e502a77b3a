"""The environments of the clients, and programs that run in them."""

import subprocess
from pathlib import Path

import pytest

from benchmarks.environments import PackageEnvironment

FILES = Path(__file__).parent
ROOT = FILES.parents[1]
ENVIRONMENTS = FILES.parent / ".clients"
INSTALLING = 900  # seconds, at most
RUNNING = 300


class ClientEnvironment:
    """One environment: `<name>.txt` pins what is installed into it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._packages = PackageEnvironment(FILES / f"{name}.txt", ENVIRONMENTS, INSTALLING)

    def run(self, program: str, *arguments: str) -> str:
        """Return what a program prints; skip the test where there is no environment."""
        if (reason := self._packages.install()) is not None:
            pytest.skip(f"the environment {self.name} {reason}")
        command = [str(self._packages.python), "-W", "ignore", "-c", program, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=RUNNING, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


OPENAI, HUGGING_FACE, KSERVE, TRITON = map(
    ClientEnvironment, ("openai", "hugging_face", "kserve", "triton")
)
