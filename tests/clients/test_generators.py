"""The commands and programs of the page about generated clients run, without a warning."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.environment import RUNNING, ClientEnvironment
from tests.docs.pages import DOCS

pytestmark = pytest.mark.slow
PAGE = (DOCS / "how-to" / "generate-a-client.md").read_text()
TYPESCRIPT = ("openapi-typescript@7.13.0", "typescript@5.9.3")
GENERATORS = ClientEnvironment("openapi")


def block(language: str, mark: str) -> str:
    [found] = [
        text
        for text in re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.M | re.S)
        if mark in text
    ]
    return found


def of_the_page(mark: str, port: int) -> list[str]:
    """Return the words of a command of the page."""
    lines = block("sh", mark).replace("\\\n", " ").splitlines()
    [line] = [line for line in lines if line.startswith(mark)]
    return line.replace("localhost:8000", f"127.0.0.1:{port}").split()


@pytest.fixture(scope="module")
def generated(shipped_port: int, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generated")
    (folder / "config.yml").write_text(block("yaml", "content_type_overrides"))
    command = of_the_page("openapi-python-client", shipped_port)
    GENERATORS.command([*command, "--fail-on-warning"], folder)
    return folder / "client"


def test_a_generated_client_asks(generated: Path, shipped_port: int) -> None:
    program = block("python", "thalamus_api").replace("localhost:8000", f"127.0.0.1:{shipped_port}")
    found = f"import sys; sys.path.insert(0, {str(generated)!r})\n"
    assert GENERATORS.run(found + program) == block("text", "spam")


def test_every_operation_has_a_function(generated: Path, shipped_port: int) -> None:
    names = {path.stem for path in (generated / "thalamus_api" / "api").glob("*/*.py")}
    assert {"classify", "embed_version", "infer", "stats_of_version", "predict", "info"} <= names
    assert not {name for name in names if "_v1_" in name or name.endswith("_post")}


def test_typescript_takes_the_types(shipped_port: int, tmp_path: Path) -> None:
    if (npm := shutil.which("npm")) is None:
        pytest.skip("npm is not installed")
    wanted = (argument for name in TYPESCRIPT for argument in ("--package", name))
    run = [npm, "exec", "--yes", *wanted, "--"]
    generate = of_the_page("npx", shipped_port)[1:]
    for command in (generate, ["tsc", "--noEmit", "--strict", generate[-1]]):
        done = subprocess.run(
            [*run, *command],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=RUNNING,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "warn" not in done.stdout.lower()


def test_answers_are_as_described(shipped_port: int, tmp_path: Path) -> None:
    command = of_the_page("schemathesis", shipped_port)
    quick = ["--max-examples", "3", "--no-shrink", "--seed", "1"]
    output = GENERATORS.command([*command, *quick], tmp_path)
    # Its warnings are about its own requests: most files that it makes up are no pictures.
    assert re.search(r"\b(\d{3,}) generated, \1 passed", output), output
