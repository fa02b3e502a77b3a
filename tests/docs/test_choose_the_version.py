"""The commands of docs/how-to/choose-the-version.md print what stands below them, in turn."""

import re
import shlex
from pathlib import Path

import pytest

from app.bundle import publish
from app.bundle.serving_rule import read_rule
from app.cli import main
from tests import fakes
from tests.docs.pages import DOCS

PAGE = (DOCS / "how-to" / "choose-the-version.md").read_text()
EXAMPLES = re.findall(r"```sh\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.S)
WRITTEN = re.search(r"echo '(.*)' > models/mine/.new", PAGE)


def test_the_commands_print_what_stands_below_them(
    capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for version in (1, 2, 3):
        publish(fakes.text_bundle("mine", version=version), tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    assert len(EXAMPLES) == 6
    for commands, printed in EXAMPLES:
        for command in commands.splitlines():
            program, *words = shlex.split(command)
            assert program == ".venv/bin/thalamus"
            assert main(words) == 0
        assert capsys.readouterr() == (printed, "")


def test_the_file_for_other_tools_is_a_rule(tmp_path: Path) -> None:
    assert WRITTEN is not None
    (tmp_path / "serving.json").write_text(WRITTEN[1])
    assert read_rule(tmp_path).version == 2
