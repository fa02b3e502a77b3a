"""What is downloaded or handed over to train on is data: none of it runs, none of it is unpacked.

Each hostile object here would create a file if it ran.
"""

import hashlib
import io
import json
import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.training.samples import mail, mail_name
from tests.training.transfer.test_folder import resnet
from training.data.archives import files_of
from training.data.reading.read import understood
from training.datasets.mail import read_bodies
from training.errors import MissingData, TrainingError
from training.fitting.checkpoint import SealedFile
from training.modalities import TRAINING_MODALITIES
from training.transfer.folder import network_from_folder


class Payload:
    """Pickled, it asks whoever loads it to create a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    return tmp_path / "it-ran"


def test_the_pickle_of_these_tests_works(mark: Path) -> None:
    pickle.loads(pickle.dumps(Payload(mark)))
    assert mark.exists()


def test_a_checkpoint_with_code_is_damaged(tmp_path: Path, mark: Path) -> None:
    """Its seal only says that it was written whole; anybody can make one."""
    data = pickle.dumps({"state_dict": Payload(mark)}, protocol=2)
    path = tmp_path / "checkpoint"
    path.write_bytes(data + hashlib.sha256(data).digest())
    with pytest.raises(TrainingError, match="damaged"):
        SealedFile().load_checkpoint(path)
    assert not mark.exists()


def hostile_folder(folder: Path, mark: Path) -> Path:
    """A network of the library transformers with code and pickles beside its weights."""
    folder = resnet(folder)
    config = json.loads((folder / "config.json").read_text())
    code = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": code}))
    (folder / "evil.py").write_text(f"import os\nos.mkdir({str(mark)!r})\n")
    for name in ("pytorch_model.bin", "model.bin", "tf_model.h5", "training_args.bin"):
        (folder / name).write_bytes(pickle.dumps(Payload(mark)))
    return folder


def test_a_folder_of_weights_runs_none_of_its_files(tmp_path: Path, mark: Path) -> None:
    folder = hostile_folder(tmp_path / "backbone", mark)
    assert network_from_folder(folder).encoder.kind == "image"
    assert not mark.exists()


def test_a_folder_with_nothing_but_pickles_is_refused(tmp_path: Path, mark: Path) -> None:
    folder = hostile_folder(tmp_path / "backbone", mark)
    for weights in folder.glob("*.safetensors"):
        weights.unlink()
    with pytest.raises(TrainingError, match=r"no \*\.safetensors"):
        network_from_folder(folder)
    assert not mark.exists()


def test_arrays_of_objects_are_no_samples(tmp_path: Path, mark: Path) -> None:
    folder = tmp_path / "data" / "label"
    folder.mkdir(parents=True)
    np.save(folder / "x.npy", np.array([Payload(mark)], dtype=object), allow_pickle=True)
    (folder / "x.txt").write_text("good")
    dataset = understood(tmp_path / "data", TRAINING_MODALITIES.values())
    assert [sample.payload.data for sample in dataset.samples] == [b"good"]
    assert len(dataset.unreadable) == 1
    assert not mark.exists()


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


OUTSIDE = ["../out.jpg", "/out.jpg", "photos/../../out.jpg", "photos/a/out.jpg", "C:\\out.jpg"]


def test_an_archive_is_read_and_not_unpacked(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    with zipfile.ZipFile("set.zip", "w") as archive:
        for name in OUTSIDE:
            archive.writestr(name, b"x")
        link = zipfile.ZipInfo("photos/link.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    before = tree(tmp_path)
    found = dict(files_of(Path("set.zip"), "*.jpg", "a set"))
    assert set(found.values()) == {b"x", b"/etc/passwd"}, "a link is its own text"
    assert tree(tmp_path) == before
    assert not Path("/out.jpg").exists()


def test_links_and_devices_in_a_tar_archive_are_no_mails(tmp_path: Path, monkeypatch) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(mail("marmalade"))
    path = tmp_path / "mails.tar.bz2"
    with tarfile.open(path, "w:bz2") as archive:
        content = mail("good")
        member = tarfile.TarInfo(f"../../ham/{mail_name(0)}")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
        kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE)
        for number, kind in enumerate(kinds, 1):
            member = tarfile.TarInfo(f"ham/{mail_name(number)}")
            member.type, member.linkname = kind, str(secret)
            archive.addfile(member)
    before = tree(tmp_path.parent)
    assert [body.text.strip() for body in read_bodies([path], [])] == ["good"]
    assert tree(tmp_path.parent) == before


def test_a_member_longer_than_it_says_is_no_archive(tmp_path: Path) -> None:
    """What a member may take is what its header says; an archive that lies is refused."""
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.jpg", bytes(1_000_000))
    honest = (1_000_000).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(honest, (10).to_bytes(4, "little")))
    with pytest.raises(MissingData, match="is not a set"):
        list(files_of(path, "*.jpg", "a set"))
