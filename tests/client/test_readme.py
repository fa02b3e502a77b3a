"""The examples of the client's pages run as they stand, against a real server."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, README, ROOT
from tests.docs.service import serving

PAGES = (
    README,
    ROOT / "clients" / "python" / "README.md",
    DOCS / "how-to" / "ask-from-python.md",
)
NAMES = ("digits", "spam", "completion")


@pytest.mark.slow
def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    for name in NAMES:
        (tmp_path / name).symlink_to(ROOT / "models" / name)
    monkeypatch.chdir(ROOT)
    with serving(tmp_path) as port:
        for page in PAGES:
            examples = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S)
            assert examples, page
            for example in examples:
                source = example.replace("http://localhost:8000", f"http://127.0.0.1:{port}")
                exec(compile(source, str(page), "exec"), {"__name__": "example"})
    said = capsys.readouterr().out
    assert "7 0.99" in said and "spam" in said and "ready ['completion', 'digits', 'spam']" in said
