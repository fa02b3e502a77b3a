"""Folders for what is unpacked or laid out on disk; they are removed when the process ends."""

import atexit
import os
import shutil
import tempfile
from functools import partial
from pathlib import Path


def scratch_folder() -> Path:
    """Return a new empty folder, in TMPDIR or where the system keeps such folders."""
    folder = Path(tempfile.mkdtemp(prefix="thalamus-"))
    atexit.register(partial(_remove, folder, os.getpid()))
    return folder


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked process inherits the call
        shutil.rmtree(folder, ignore_errors=True)
