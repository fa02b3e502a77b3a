"""Free Spoken Digit Dataset: `recordings/{digit}_{speaker}_{index}.wav`, index 0-4 is the test.

Reads the archive of the repository, or its unpacked folder.
"""

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from app.inputs import Payload
from training.data.dataset import Dataset, Sample
from training.data.sources import Source, locate
from training.data.split import TEST
from training.errors import MissingData

URL = "https://github.com/Jakobovski/free-spoken-digit-dataset"
ARCHIVE = Source("free-spoken-digit-dataset.zip", f"{URL}/archive/refs/heads/master.zip", None)
_NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]+)\.wav")


def load(given: Path | None) -> Dataset:
    """Return every recording, labelled with its digit and grouped by speaker."""
    source = given if given and _is_unpacked(given) else locate([ARCHIVE], given)[0]
    samples = []
    for name, data in _files(source):
        if match := _NAME.fullmatch(name):
            digit, speaker, index = match.groups()
            fixed = TEST if int(index) < 5 else None
            samples.append(
                Sample(name, Payload(data, "audio/wav"), digit, group=speaker, fixed=fixed)
            )
    if not samples:
        raise MissingData(f"{source} holds no recordings/{{digit}}_{{speaker}}_{{index}}.wav")
    return Dataset("Free Spoken Digit Dataset", URL, "CC BY-SA 4.0", samples)


def _is_unpacked(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("**/recordings/*.wav"))


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in sorted(source.glob("**/recordings/*.wav")):
            yield path.name, path.read_bytes()
        return
    try:
        with zipfile.ZipFile(source) as archive:
            for name in sorted(archive.namelist()):
                if "/recordings/" in f"/{name}" and name.endswith(".wav"):
                    yield name.rsplit("/", 1)[-1], archive.read(name)
    except zipfile.BadZipFile:
        raise MissingData(f"{source} is not a readable zip archive") from None
