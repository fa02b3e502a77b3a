"""Folders, tables and archives that the tests of reading make."""

import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from tests.training.samples import shape, wav
from training.data.dataset import Dataset
from training.data.reading.options import ReadingOptions
from training.data.reading.read import understood
from training.modalities import TRAINING_MODALITIES

KINDS = tuple(TRAINING_MODALITIES.values())
SOUND = wav(np.sin(np.arange(1600)))


def picture(seed: int) -> bytes:
    return shape("disc", np.random.default_rng(seed))


def as_format(png: bytes, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(buffer, form, **options)
    return buffer.getvalue()


def fill(root: Path, files: Mapping[str, bytes | str]) -> Path:
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return root


def pictures(root: Path, *folders: str, each: int = 3) -> Path:
    """Different pictures in each folder."""
    number = 0
    for folder in folders:
        for i in range(each):
            fill(root, {f"{folder}/{i}.png": picture(number)})
            number += 1
    return root


def table(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def load(given: Path, **options: object) -> Dataset:
    return understood(given, KINDS, ReadingOptions(**options))


def found(data: Dataset) -> list[tuple[str, str]]:
    return [(s.label, s.payload.data.decode()) for s in data.samples]


def named(data: Dataset) -> list[tuple[str, str]]:
    return [(s.name, s.label) for s in data.samples]


def zipped(folder: Path, path: Path) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path


def tarred(folder: Path, path: Path) -> Path:
    mode = {".tar": "w", ".gz": "w:gz", ".bz2": "w:bz2", ".xz": "w:xz"}[path.suffix]
    with tarfile.open(path, mode) as archive:
        archive.add(folder, ".")
    return path
