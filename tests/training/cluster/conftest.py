"""Digits, and what two ranks publish of them without a cluster."""

from pathlib import Path

import pytest

from benchmarks.fleet.commands import Training, digits_folder, torchrun

TRAINED = ("--epochs", "4", "--threads", "1", "--force")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return digits_folder(tmp_path_factory.mktemp("samples") / "digits", 600)


@pytest.fixture(scope="session")
def of_torchrun(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What two ranks publish when torchrun starts them."""
    training = Training(tmp_path_factory.mktemp("torchrun"), data)
    status, _, err = training.run(*TRAINED, launcher=torchrun(2))
    assert status == 0, err
    return training.published()


@pytest.fixture
def training(data: Path, tmp_path: Path) -> Training:
    return Training(tmp_path / "t", data)
