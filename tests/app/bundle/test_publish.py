import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.bundle import publish, read_bundle, versions
from app.bundle.publish import next_version, seal
from app.errors import InvalidBundle, NotWritten
from app.registry import SHIPPED
from tests import fakes

BUNDLES = [fakes.image_bundle, fakes.text_bundle, fakes.audio_bundle]


class Failing(Mapping[str, bytes]):
    """Files whose last one cannot be read, which interrupts the publishing."""

    def __init__(self, files: Mapping[str, bytes], failure: Exception) -> None:
        self._files, self._failure = files, failure

    def __getitem__(self, name: str) -> bytes:
        return self._files[name]

    def __len__(self) -> int:
        return len(self._files)

    def __iter__(self) -> Iterator[str]:
        yield from self._files
        raise self._failure


@pytest.mark.parametrize("make", BUNDLES)
def test_published_bundle_is_read_back_equal(make, tmp_path: Path) -> None:
    bundle = make()
    folder = publish(bundle, tmp_path)
    assert folder == tmp_path / bundle.manifest.name / "1"
    assert read_bundle(folder, SHIPPED) == bundle


def test_publishing_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    one, other = (publish(fakes.text_bundle(), tmp_path / name) for name in "ab")
    files = [p.relative_to(one) for p in one.rglob("*") if p.is_file()]
    assert files
    assert all((one / file).read_bytes() == (other / file).read_bytes() for file in files)


@pytest.mark.parametrize("before", [False, True], ids=["first", "second"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EIO])
def test_disk_that_refuses_while_publishing_leaves_nothing(
    number: int, before: bool, tmp_path: Path
) -> None:
    bundle = fakes.image_bundle()
    if before:
        publish(bundle, tmp_path)
        bundle = replace(bundle, manifest=bundle.manifest.model_copy(update={"version": 2}))
    there = sorted(tmp_path.rglob("*"))
    broken = replace(bundle, files=Failing(bundle.files, OSError(number, os.strerror(number))))
    with pytest.raises(NotWritten) as refusal:
        publish(broken, tmp_path)
    name = f"the bundle colours/{bundle.manifest.version}"
    said = f"cannot write {name} to {tmp_path}: {os.strerror(number)}; "
    assert str(refusal.value).startswith(said)
    assert str(refusal.value).endswith("with --models; nothing was published")
    assert sorted(tmp_path.rglob("*")) == there
    publish(bundle, tmp_path)  # and the version is free


def test_crash_while_publishing_leaves_no_version(tmp_path: Path) -> None:
    bundle = fakes.image_bundle()
    broken = replace(bundle, files=Failing(bundle.files, RuntimeError("a crash")))
    with pytest.raises(RuntimeError, match="a crash"):
        publish(broken, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_temporary_folder_is_no_version(tmp_path: Path) -> None:
    folder = publish(fakes.image_bundle(), tmp_path)
    (folder.parent / ".2-abcd").mkdir()
    (folder.parent / "02").mkdir()
    (folder.parent / "٣").mkdir()
    (folder.parent / "4").write_text("a file")
    (folder.parent / "10").mkdir()
    assert list(versions(folder.parent)) == [1, 10]


def test_a_published_version_is_never_overwritten(tmp_path: Path) -> None:
    folder = publish(fakes.image_bundle(), tmp_path)
    before = read_bundle(folder, SHIPPED)
    with pytest.raises(InvalidBundle, match="exists already"):
        publish(fakes.image_bundle(sharpness=3), tmp_path)
    assert read_bundle(folder, SHIPPED) == before


def test_second_of_two_concurrent_publishers_is_refused(tmp_path: Path) -> None:
    bundle, rival = fakes.image_bundle(), fakes.image_bundle(sharpness=3)

    class Overtaken(dict[str, bytes]):
        def items(self):
            publish(rival, tmp_path)
            return super().items()

    with pytest.raises(InvalidBundle, match="exists already"):
        publish(replace(bundle, files=Overtaken(bundle.files)), tmp_path)
    assert read_bundle(tmp_path / "colours" / "1", SHIPPED) == rival
    assert [path.name for path in (tmp_path / "colours").iterdir()] == ["1"]


def test_versions_count_upwards(tmp_path: Path) -> None:
    assert next_version(tmp_path, "colours") == 1
    publish(fakes.image_bundle(version=9), tmp_path)
    publish(fakes.image_bundle(version=10), tmp_path)
    assert next_version(tmp_path, "colours") == 11


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"golden/cases.json": b"[]"}, "at least one golden case"),
        ({"golden/cases.json": b"{}"}, "not readable"),
        ({"golden/cases.json": b'[{"file": "red.png"}]'}, "not readable"),
        (
            {"golden/cases.json": b'[{"file":"x","media_type":"a/b","probabilities":{"red":1}}]'},
            "golden/x is missing",
        ),
        (
            {
                "golden/cases.json": b'[{"file":"red.png","media_type":"image/png",'
                b'"probabilities":{"mauve":1}}]'
            },
            "unknown label",
        ),
        (
            {
                "golden/cases.json": b'[{"file":"red.png","media_type":"image/png",'
                b'"probabilities":{}}]'
            },
            "not readable",
        ),
        (
            {
                "golden/cases.json": b'[{"file":"red.png","media_type":"image/png",'
                b'"probabilities":{"red":NaN}}]'
            },
            "not readable",
        ),
    ],
)
def test_seal_refuses_contradictions(files: dict[str, bytes], message: str) -> None:
    bundle = fakes.image_bundle()
    with pytest.raises(InvalidBundle, match=message):
        seal(bundle.manifest, {**bundle.files, **files}, SHIPPED)


@pytest.mark.parametrize("missing", ["model.onnx", "golden/cases.json"])
def test_seal_refuses_missing_files(missing: str) -> None:
    bundle = fakes.image_bundle()
    files = {name: data for name, data in bundle.files.items() if name != missing}
    with pytest.raises(InvalidBundle, match=missing):
        seal(bundle.manifest, files, SHIPPED)


def test_a_version_appears_within_the_given_context(tmp_path: Path) -> None:
    target, seen = tmp_path / "colours" / "1", []

    @contextmanager
    def appearing() -> Iterator[None]:
        seen.append((target.exists(), len(list(target.parent.iterdir()))))  # written aside
        yield
        seen.append((target.exists(), len(list(target.parent.iterdir()))))

    assert publish(fakes.image_bundle(), tmp_path, appearing()) == target
    assert seen == [(False, 1), (True, 1)]


def test_a_refusal_by_that_context_leaves_nothing(tmp_path: Path) -> None:
    @contextmanager
    def refusing() -> Iterator[None]:
        raise InvalidBundle("not now")
        yield

    with pytest.raises(InvalidBundle, match="not now"):
        publish(fakes.image_bundle(), tmp_path, refusing())
    assert list(tmp_path.iterdir()) == []
