"""Separate environments of packages that cannot be installed beside the project's own."""

import fcntl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PackageEnvironment:
    """One environment below `root`. pins: the file that says what is installed into it.

    seconds: that the installation may take.
    """

    pins: Path
    root: Path
    seconds: int

    @property
    def bin(self) -> Path:
        """The folder of its commands."""
        return self.root / self.pins.stem / "bin"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.bin / "python"

    def install(self) -> str | None:
        """Build it if it is not there; return the reason of a failure in a line.

        Several processes may want it at once: one builds it, and the others wait.
        """
        self.root.mkdir(exist_ok=True)
        with (self.root / f"{self.pins.stem}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return self._install()

    def _install(self) -> str | None:
        folder, wanted = self.bin.parent, self.pins.read_text()
        done = folder / "installed"
        if done.is_file() and done.read_text() == wanted:
            return None
        venv = [sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)]
        pins, python = ["-r", self.pins.name], ["--python", str(self.python)]
        # uv takes a tenth of the time, but does not know the indexes that pip is configured for.
        uv = [sys.executable, "-m", "uv", "--quiet", "pip", "install", *python, *pins]
        pip = [sys.executable, "-m", "pip", "--quiet", *python, "install", "--no-compile", *pins]
        if problem := self._run(venv) or (self._run(uv) and self._run(pip)):
            return problem
        done.write_text(wanted)
        return None

    def _run(self, command: list[str]) -> str | None:
        """Run it beside the pins; return why it failed."""
        try:
            subprocess.run(
                command,
                cwd=self.pins.parent,
                check=True,
                capture_output=True,
                timeout=self.seconds,
            )
        except subprocess.CalledProcessError as error:
            return f"cannot be installed: {error.stderr.decode().strip().splitlines()[-1]}"
        except subprocess.TimeoutExpired:
            return f"cannot be installed within {self.seconds} s"
        return None
