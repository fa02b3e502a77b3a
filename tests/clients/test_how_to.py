"""The programs of the how-to page run, unchanged, with the real clients, and print what it says."""

import re

import pytest

from tests.clients.environment import (
    HUGGING_FACE,
    KSERVE,
    OPENAI,
    TRITON,
    ClientEnvironment,
)
from tests.docs.pages import DOCS

pytestmark = pytest.mark.slow
PAGE = (DOCS / "how-to" / "ask-with-known-clients.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.S)
ENVIRONMENTS = {
    "openai": OPENAI,
    "langchain_openai": OPENAI,
    "llama_index.embeddings.openai": OPENAI,
    "llama_index.embeddings.text_embeddings_inference": HUGGING_FACE,
    "huggingface_hub": HUGGING_FACE,
    "kserve": KSERVE,
    "tritonclient.http": TRITON,
}
NUMBER = re.compile(r"\d+\.\d+")


def environment(program: str) -> tuple[str, ClientEnvironment]:
    """Return the library that a program is about, and where that is installed."""
    imported = re.findall(r"^from ([\w.]+) import", program, re.M)
    [name] = [name for name in imported if name in ENVIRONMENTS]
    return name, ENVIRONMENTS[name]


def test_every_client_has_a_program() -> None:
    assert {environment(program)[0] for program, _ in PROGRAMS} == ENVIRONMENTS.keys()
    assert PAGE.count("```python") == len(PROGRAMS)


@pytest.mark.parametrize(
    ("program", "printed"), PROGRAMS, ids=[environment(p)[0] for p, _ in PROGRAMS]
)
def test_a_program_prints_what_the_page_says(program: str, printed: str, shipped_port: int) -> None:
    here = program.replace("localhost:8000", f"127.0.0.1:{shipped_port}")
    output = environment(program)[1].run(here)
    assert NUMBER.sub("#", output) == NUMBER.sub("#", printed)
    numbers, expected = (list(map(float, NUMBER.findall(text))) for text in (output, printed))
    assert numbers == pytest.approx(expected, abs=6e-3)
