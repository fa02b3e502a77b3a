"""Writes docs/gpu.md, section by section; a separate process measures each."""

import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from app.runtime.providers import Device
from benchmarks import machine
from benchmarks.servers import ROOT

DOCUMENT = ROOT / "docs/gpu.md"
READING = ROOT / "benchmarks/gpu.md"  # a person's text about the tables
LIBRARIES = ("onnxruntime-gpu", "nvidia-cudnn-cu13", "nvidia-cublas", "nvidia-cuda-runtime")
TITLES = {
    "answers": "The same answers?",
    "batches": "A batch, by its size",
    "options": "What the provider's options do",
    "service": "The service",
}
PATIENCE = 600  # seconds for a section


def run(device: Device, more: Path | None, seconds: float, only: Sequence[str]) -> None:
    """Measure all sections or those named, and write the document; `more`: further bundles."""
    parts = [_head(device)]
    given = ["--device", device, "--seconds", str(seconds), *(["--more", str(more)] * bool(more))]
    for name, title in TITLES.items():
        if not only or name in only:
            parts.append(f"## {title}\n\n{_section(name, given)}")
            DOCUMENT.write_text("\n\n".join(parts) + "\n")  # whatever happens to the rest
            print(parts[-1], flush=True)
    print(f"written: {DOCUMENT}")


def _section(name: str, given: Sequence[str]) -> str:
    """Return the output of the section's process, and its exit status if that is not 0."""
    command = [sys.executable, "-m", "benchmarks.gpu", name, *map(str, given)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            printed, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            printed, _ = process.communicate()
    ending = f"\n\n**Ended with status {process.returncode}.**" if process.returncode else ""
    return printed.strip() + ending


def _head(device: Device) -> str:
    reading = READING.read_text().strip()
    return (
        f"# A GPU\n\nWritten by `python -m benchmarks gpu`, {datetime.now(UTC):%Y-%m-%d}, on "
        f"`{device}`: {gpu()}. {machine.describe()}.\n{', '.join(map(_version, LIBRARIES))}.\n\n"
        f"{reading}"
    )


def gpu() -> str:
    """Name the GPUs and the driver."""
    asked = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        printed = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "no GPU"
    return "; ".join(printed.strip().splitlines())


def _version(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return f"{library} is not there"
