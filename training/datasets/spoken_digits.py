"""Free Spoken Digit Dataset: `recordings/{digit}_{speaker}_{index}.wav`; the test has index 0-4.

The loader reads an archive of the repository or its unpacked folder.
"""

import re
import zipfile
from dataclasses import replace
from pathlib import Path

from app.modalities import Payload
from training.data.archives import files_of
from training.data.dataset import TEST, TRAIN, Dataset, Sample
from training.data.sources import CACHE, DataFile, locate
from training.errors import MissingData

URL = "https://github.com/Jakobovski/free-spoken-digit-dataset"
ARCHIVE = DataFile(
    "free-spoken-digit-dataset.zip",
    f"{URL}/archive/refs/heads/master.zip",
    None,
    alias="free-spoken-digit-dataset-master.zip",
    content_is_checked=True,
)
# The digest over the 3,000 recordings and their labels (`Dataset.sha256`).
CONTENT = "e6a07b3c4948b35ac290c857749c18d8dbd34962977184b637c107f8d2fdb0a2"
VOICES = Path(__file__).parent.parent / "synthetic" / "spoken-digits.zip"
_NAME = re.compile(r"([0-9])_([a-z]+)_([0-9]+)\.wav")


def load(given: Path | None) -> Dataset:
    """Return all recordings, labelled with their digits and grouped by speaker."""
    source = given if given and _is_unpacked(given) else locate([ARCHIVE], given)[0]
    samples = []
    for path, data in files_of(source, "recordings/*.wav", "a readable zip archive"):
        if match := _NAME.fullmatch(name := path.name):
            digit, speaker, index = match.groups()
            fixed = TEST if int(index) < 5 else None
            samples.append(
                Sample(name, Payload(data, "audio/wav"), digit, group=speaker, fixed=fixed)
            )
    if not samples:
        raise MissingData(f"{source} holds no recordings/{{digit}}_{{speaker}}_{{index}}.wav")
    dataset = Dataset("Free Spoken Digit Dataset", URL, "CC BY-SA 4.0", samples)
    if source.parent == CACHE and dataset.sha256 != CONTENT:
        raise MissingData(f"{source} holds other recordings than the 3,000 that were pinned")
    return dataset


def load_with_voices(given: Path | None) -> Dataset:
    """Return the recordings, and digits in 28 synthesised voices for training alone."""
    recorded = load(given)
    voices = []
    with zipfile.ZipFile(VOICES) as archive:
        for name in sorted(archive.namelist()):
            digit, voice, _ = name.split("_")
            payload = Payload(archive.read(name), "audio/flac")
            voices.append(Sample(name, payload, digit, group=voice, fixed=TRAIN))
    return replace(
        recorded,
        name=f"{recorded.name} and {len(voices)} digits spoken by eSpeak NG",
        samples=[*recorded.samples, *voices],
    )


def _is_unpacked(folder: Path) -> bool:
    return folder.is_dir() and any(folder.glob("**/recordings/*.wav"))
