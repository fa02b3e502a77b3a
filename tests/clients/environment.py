"""The environments of the clients, and programs that run in them."""

import os
import subprocess
from collections.abc import Sequence
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
        return self.command(["python", "-W", "ignore", "-c", program, *arguments], ROOT)

    def command(self, words: Sequence[str], folder: Path) -> str:
        """Return what one of the environment's commands prints in a folder; else as `run`."""
        if (reason := self._packages.install()) is not None:
            pytest.skip(f"the environment {self.name} {reason}")
        path = f"{self._packages.bin}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            [str(self._packages.bin / words[0]), *words[1:]],
            cwd=folder,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
            timeout=RUNNING,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


OPENAI, HUGGING_FACE, KSERVE, TRITON = map(
    ClientEnvironment, ("openai", "hugging_face", "kserve", "triton")
)
