"""The tables of layers in docs/architecture.md are the layers contracts of pyproject.toml."""

import re
import tomllib

import pytest

from tests.docs.pages import DOCS, ROOT

PAGE = (DOCS / "architecture.md").read_text()
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]

Layers = list[set[str]]


def contract(package: str) -> Layers:
    """Return the longest layers contract of a package, top first, names without the package."""
    found = [[]]
    for one in CONTRACTS:
        if one["type"] != "layers":
            continue
        inside = package in one.get("containers", ())
        layers = [set(re.findall(r"[\w.]+", line)) for line in one["layers"]]
        if inside or all(name.startswith(f"{package}.") for layer in layers for name in layer):
            found.append([{name.removeprefix(f"{package}.") for name in row} for row in layers])
    return max(found, key=len)


def table(package: str) -> Layers:
    """Return the rows of the package's table, top first."""
    section = re.search(rf"^### `{package}`.*?\n(.*?)(?=^#|\Z)", PAGE, re.M | re.S)
    assert section is not None, package
    rows = re.findall(r"^\| (`.*?) \|", section[1], re.M)
    return [set(re.findall(r"`([\w.]+)`", row)) for row in rows]


@pytest.mark.parametrize("package", ["app", "training", "benchmarks"])
def test_the_table_is_the_contract(package: str) -> None:
    assert table(package) == contract(package)
