"""The Free Spoken Digit Dataset, zipped and unpacked."""

import zipfile
from pathlib import Path

import pytest

from tests.training.samples import write_recordings
from training.data.dataset import TEST, TRAIN
from training.data.split import Shares, split
from training.datasets.spoken_digits import VOICES, load, load_with_voices
from training.errors import MissingData

SPEAKERS = ("anna", "ben")


def zipped(folder: Path, archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted((folder / "recordings").iterdir()):
            file.write(path, f"free-spoken-digit-dataset-master/recordings/{path.name}")
        file.writestr("free-spoken-digit-dataset-master/README.md", "words")
        file.writestr("free-spoken-digit-dataset-master/recordings/notes.wav", "no recording")
    return archive


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("fsdd"), SPEAKERS, each=7)


def test_name_says_digit_speaker_and_split(unpacked: Path):
    data = load(unpacked)
    assert len(data.samples) == 140
    assert data.counts() == {str(value): 14 for value in range(10)}
    assert {s.group for s in data.samples} == set(SPEAKERS)
    by_name = {s.name: s for s in data.samples}
    assert by_name["3_anna_4.wav"].fixed == TEST
    assert by_name["3_anna_5.wav"].fixed is None
    assert (by_name["3_anna_5.wav"].label, by_name["3_anna_5.wav"].group) == ("3", "anna")


@pytest.mark.parametrize(
    "name", ["free-spoken-digit-dataset.zip", "free-spoken-digit-dataset-master.zip"]
)
def test_zipped_and_unpacked_say_the_same(unpacked: Path, tmp_path: Path, name: str):
    archive = zipped(unpacked, tmp_path / name)
    assert load(archive) == load(tmp_path) == load(unpacked)


def test_a_repository_around_the_recordings_is_found(tmp_path: Path):
    write_recordings(tmp_path / "data" / "free-spoken-digit-dataset-master", ["anna"], each=1)
    assert len(load(tmp_path / "data").samples) == 10


@pytest.mark.parametrize("keep", [0, 500, -500])
def test_a_damaged_archive_is_refused(unpacked: Path, tmp_path: Path, keep: int):
    archive = zipped(unpacked, tmp_path / "digits.zip")
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(MissingData, match="is not a readable zip archive"):
        load(archive)


def test_a_damaged_recording_in_the_archive_is_noticed(unpacked: Path, tmp_path: Path):
    archive = zipped(unpacked, tmp_path / "digits.zip")
    data = bytearray(archive.read_bytes())
    data[2000] ^= 1
    archive.write_bytes(data)
    with pytest.raises(MissingData, match="is not a readable zip archive"):
        load(archive)


def test_an_archive_of_something_else(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("readme", "words")
    with pytest.raises(MissingData, match=r"holds no recordings/\{digit\}_\{speaker\}"):
        load(tmp_path / "x.zip")


@pytest.mark.skipif(not VOICES.exists(), reason="the synthetic voices are not here")
def test_synthetic_voices_are_only_trained_on(unpacked: Path):
    data = load_with_voices(unpacked)
    voices = [s for s in data.samples if s.fixed == TRAIN]
    assert {s.label for s in voices} == {str(value) for value in range(10)}
    assert not {s.group for s in voices} & set(SPEAKERS)
    parts = split(data.samples, Shares(validation=10, test=0))
    assert not any(s.fixed == TRAIN for s in [*parts.validation, *parts.test])


def test_the_real_recordings(shared_data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("THALAMUS_DATA", str(shared_data))
    data = load(None)
    assert len(data.samples) == 3000
    assert len({s.group for s in data.samples}) == 6
    assert sum(s.fixed == TEST for s in data.samples) == 300
