"""The environments of the clients, and programs that run in them."""

import fcntl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

FILES = Path(__file__).parent
ROOT = FILES.parents[1]
ENVIRONMENTS = FILES.parent / ".clients"
INSTALLING = 900  # seconds, at most
RUNNING = 300


@dataclass(frozen=True)
class ClientEnvironment:
    """One environment: `<name>.txt` pins what is installed into it."""

    name: str

    @property
    def python(self) -> Path:
        return ENVIRONMENTS / self.name / "bin" / "python"

    def install(self) -> str | None:
        """Make it if it is not there; return why it cannot be, in a line.

        Several processes may want it at once: one makes it, and the others wait.
        """
        ENVIRONMENTS.mkdir(exist_ok=True)
        with (ENVIRONMENTS / f"{self.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return self._install()

    def _install(self) -> str | None:
        folder = ENVIRONMENTS / self.name
        done, wanted = folder / "installed", (FILES / f"{self.name}.txt").read_text()
        if done.is_file() and done.read_text() == wanted:
            return None
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "-r", f"{self.name}.txt"]
        for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], pip):
            try:
                subprocess.run(
                    command, cwd=FILES, check=True, capture_output=True, timeout=INSTALLING
                )
            except subprocess.CalledProcessError as error:
                return f"cannot be installed: {error.stderr.decode().strip().splitlines()[-1]}"
            except subprocess.TimeoutExpired:
                return f"cannot be installed within {INSTALLING} s"
        done.write_text(wanted)
        return None

    def run(self, program: str, *arguments: str) -> str:
        """Return what a program prints; skip the test where there is no environment."""
        if (reason := self.install()) is not None:
            pytest.skip(f"the environment {self.name} {reason}")
        command = [str(self.python), "-W", "ignore", "-c", program, *arguments]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=RUNNING, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


OPENAI, HUGGING_FACE, KSERVE, TRITON = map(
    ClientEnvironment, ("openai", "hugging_face", "kserve", "triton")
)
