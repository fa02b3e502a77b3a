"""docs/reference/open-inference-protocol.md has the addresses and the tensors of the code."""

import re
from typing import Any

from app.bundle import read_bundle
from app.open_inference.description import EXTENSIONS
from app.open_inference.signature import graph_inputs
from app.pipeline import Pipeline
from app.registry import SHIPPED
from tests.docs.pages import DOCS, ROOT, extension

PAGE = (DOCS / "reference" / "open-inference-protocol.md").read_text()


def section(heading: str) -> str:
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def code(text: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", text))


def test_the_page_has_every_address() -> None:
    document: dict[str, Any] = extension().document()
    answered = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
        if path.startswith("/v2") and "{version}" not in path
    }
    cells = [
        row.split("|")[1] for row in section("Addresses").splitlines() if row.startswith("| `")
    ]
    described = code(" ".join(cells)) - {"…/unload"}
    unload = "POST /v2/repository/models/{model}/unload"
    assert described | {unload} == answered


def test_the_page_has_every_input_and_output_of_the_shipped_models() -> None:
    inputs, outputs = code(section("Inputs")), code(section("Outputs"))
    for path in sorted(ROOT.glob("models/*/*/manifest.json")):
        if path.parent.parent.name == "imagenet":
            continue  # its tensors are those of digits, and it takes seconds to load
        pipeline = Pipeline(read_bundle(path.parent, SHIPPED))
        assert set(pipeline.answer_tensors) <= outputs
        if pipeline.manifest.modality == "text":
            assert {spec.name for spec in graph_inputs(pipeline)} <= inputs


def test_the_page_has_every_extension() -> None:
    assert len(EXTENSIONS) == 5
    for name in EXTENSIONS:
        assert name.partition("_")[0] in PAGE.partition("## ")[0]
