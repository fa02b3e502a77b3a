"""Samples that lie in files, one a payload, and are read when they are needed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from app.modalities import Payload
from training.data.dataset import Sample, SampleTable, as_table
from training.errors import MissingData


@dataclass(frozen=True)
class FileStore:
    """`row` is a file's number."""

    folder: Path
    media_type: str

    def name(self, row: int) -> str:
        return f"{row}.bin"

    def payload(self, row: int) -> Payload:
        path = self.folder / f"{row}.bin"
        if not path.exists():
            raise MissingData(f"{path.name} is not there any more")
        return Payload(path.read_bytes(), self.media_type)


def in_files(folder: Path, payloads: Sequence[tuple[bytes, str]]) -> SampleTable:
    """A table of these contents and labels whose payloads are files of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = list(payloads)
    media_type = "text/plain" if pairs[0][0][:1].isalpha() else "image/png"
    samples = [
        Sample(f"{row}.bin", Payload(data, media_type), label)
        for row, (data, label) in enumerate(pairs)
    ]
    for row, sample in enumerate(samples):
        (folder / f"{row}.bin").write_bytes(sample.payload.data)
    return replace(as_table(samples), store=FileStore(folder, media_type))
