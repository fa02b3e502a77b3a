"""The pages that are checked, and the requests in them."""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
# `make bench` and its like write these; their commands are checked where they are written.
WRITTEN = {DOCS / f"{name}.md" for name in ("benchmarks", "gpu", "simulation")}
PAGES = (README, *sorted(DOCS.rglob("*.md")))
CARDS = sorted((ROOT / "models").glob("*/*/README.md"))

_REQUEST = re.compile(r"```sh\n((?:[^`\n]* \| )?curl [^`]*)```(?:\n\n```json\n([^`]*)```)?")
_PLACEHOLDER = re.compile(r"\b(FILE|HOST|FOLDER|mine|handwriting)\b|docker|@cat|127\.0")


@dataclass(frozen=True)
class Request:
    """A curl command of a page, with its pipe, and the JSON answer below it, if there is one."""

    page: Path
    command: str
    answer: str

    def __str__(self) -> str:
        line = self.page.read_text().partition(self.command)[0].count("\n") + 1
        return f"{self.page.relative_to(ROOT).as_posix()}:{line}"


def requests() -> list[Request]:
    """Return every request that can be sent as it stands: no placeholder in it."""
    return [
        Request(page, command, answer)
        for page in (*PAGES, *CARDS)
        for command, answer in _REQUEST.findall(page.read_text())
        if not _PLACEHOLDER.search(command)
    ]


def prose(page: Path) -> str:
    """Return a page without its code blocks, inline code and link targets."""
    text = re.sub(r"^(`{3,}|:{3,}).*?^\1", "", page.read_text(), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`|\]\([^)]*\)", " ", text)


def extension() -> ModuleType:
    """Return the module of the directives, which is in no package."""
    spec = importlib.util.spec_from_file_location("generated", DOCS / "_ext" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
