"""What `thalamus-train` says of itself, without torch."""

import re
from pathlib import Path

import pytest

from tests.imports import imported
from tests.training.cli_mistakes import SEEN_WITHOUT_TORCH
from training.cli import main
from training.cli.arguments import NETWORKS
from training.recipes import RECIPES
from training.transfer import PACKAGES

COMMANDS = (
    *("train", "inspect", "recipes", "compare", "compare-starts", "few-labels"),
    *("measure", "calibrate", "quantize", "card"),
)


@pytest.mark.slow
def test_help_recipes_and_mistakes_are_answered_without_torch(tmp_path: Path):
    lines: list[list[object]] = [[command, "--help"] for command in (*COMMANDS, "run", "publish")]
    lines += [["--help"], ["--version"], ["recipes"]]
    for number, (arguments, _) in enumerate(SEEN_WITHOUT_TORCH.values()):
        (tmp_path / str(number) / "somewhere").mkdir(parents=True)
        lines.append(arguments(tmp_path / str(number)))
    assert imported("training.cli", lines) == []


def test_help_groups_every_command(capsys: pytest.CaptureFixture[str]):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert re.findall(r"^([A-Z].*):$", said, re.MULTILINE) == [
        "Training",
        "Measuring",
        "Publishing a next version",
        "Setup",
    ]
    assert set(COMMANDS) <= set(re.findall(r"^  ([\w-]+),? ", said, re.MULTILINE))
    assert "train, run" in said and "  publish " not in said


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_plain_text(command: str, capsys: pytest.CaptureFixture[str]):
    assert main([command, "--help"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"Usage: thalamus-train {command}")
    assert f"Example: thalamus-train {command} " in said or command == "recipes"
    assert said.isascii() and max(map(len, said.splitlines())) <= 100
    assert not re.search(r"\bSTR\b|\[ARGS|Default: (\(\)|\.)", said)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_the_commands(
    shell: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("HOME", str(tmp_path))
    script = tmp_path / "script"
    assert main(["--install-completion", "--shell", shell, "--output", str(script)]) == 0
    written = script.read_text()
    assert all(command in written for command in COMMANDS)
    assert "checkpoints" in written and "int8" in written


def test_the_command_line_knows_the_networks_of_packages():
    assert tuple(PACKAGES) == NETWORKS


def test_the_shipped_recipes_are_listed(capsys: pytest.CaptureFixture[str]):
    assert main(["recipes"]) == 0
    names = [line.split("\t")[0] for line in capsys.readouterr().out.splitlines()]
    assert names == list(RECIPES)
    assert {"digits", "digits-autoencoder", "imagenet"} <= set(names)
