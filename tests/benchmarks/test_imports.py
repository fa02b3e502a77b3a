"""No file of the benchmarks imports itself through another, `TYPE_CHECKING` imports included."""

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imports(root: Path, package: str) -> dict[str, set[str]]:
    """Return what each module of a package imports of it, wherever in the file it says so."""
    files = {_name(root, path): path for path in (root / package).rglob("*.py")}
    return {
        name: {target for target in _named(path) if target in files and target != name}
        for name, path in files.items()
    }


def _name(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _named(path: Path) -> set[str]:
    found = set[str]()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: imports are absolute"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_no_file_of_the_benchmarks_is_in_an_import_cycle() -> None:
    graph = imports(ROOT, "benchmarks")
    assert "benchmarks.findings" in graph["benchmarks.simulation_report"]
    TopologicalSorter(graph).prepare()  # raises CycleError with the modules of a cycle


def test_a_cycle_that_only_types_close_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "house"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "one.py").write_text("def f():\n    from house import two\n")
    lines = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from house.one import f\n"
    (folder / "two.py").write_text(lines)
    with pytest.raises(CycleError):
        TopologicalSorter(imports(tmp_path, "house")).prepare()
