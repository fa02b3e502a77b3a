"""Environments of packages: installed once, by uv or by pip, anew if their pins change."""

import subprocess
import zipfile
from pathlib import Path

import pytest

from benchmarks.environments import PackageEnvironment

pytestmark = pytest.mark.slow


def wheel(folder: Path, version: str) -> Path:
    """Write a wheel of the package `toy`, which says its version."""
    path, info = folder / f"toy-{version}-py3-none-any.whl", f"toy-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("toy.py", f"print({version!r})")
        archive.writestr(
            f"{info}/METADATA", f"Metadata-Version: 2.1\nName: toy\nVersion: {version}\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def environment(tmp_path: Path) -> PackageEnvironment:
    return PackageEnvironment(tmp_path / "toy.txt", tmp_path / "environments", 60)


def said(environment: PackageEnvironment) -> str:
    command = [str(environment.python), "-c", "import toy"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_it_is_built_once_and_anew_for_other_pins(
    environment: PackageEnvironment, tmp_path: Path
) -> None:
    for version in ("1", "2"):
        environment.pins.write_text(f"{wheel(tmp_path, version).as_uri()}\n")
        assert environment.install() is None
        assert said(environment) == version
        left = environment.bin / "left"
        left.touch()
        assert environment.install() is None
        assert left.exists()


def test_pip_installs_what_only_pip_is_configured_for(
    environment: PackageEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel(tmp_path, "3")
    environment.pins.write_text("toy==3\n")
    for name, value in {"UV_NO_INDEX": "1", "PIP_NO_INDEX": "1"}.items():
        monkeypatch.setenv(name, value)
    assert "toy" in str(environment.install())
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    assert environment.install() is None
    assert said(environment) == "3"
