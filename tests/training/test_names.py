"""A public name of `training` has one meaning: no two modules define a class or function of it."""

import ast
from collections import defaultdict
from pathlib import Path

TRAINING = Path(__file__).resolve().parents[2] / "training"
# One idea in several modules: each data set has its loader, and the ONNX function that computes a
# Tree-LSTM must have that name in the graph.
SHARED = {"load", "TreeLSTM"}


def public_names(module: ast.Module) -> set[str]:
    """Return the public classes and functions that a module defines, and its type aliases.

    Plain constants are left out: a `COUNT` belongs to its module, and is imported with it.
    """
    names: set[str] = set()
    for node in module.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {t.id for t in node.targets if isinstance(t, ast.Name) and not t.id.isupper()}
    return {name for name in names if not name.startswith("_")}


def test_no_public_name_is_defined_twice() -> None:
    found = defaultdict(list)
    for path in sorted(TRAINING.rglob("*.py")):
        if "cli" in path.parts:  # a command has the name of the function that it calls
            continue
        for name in public_names(ast.parse(path.read_bytes())) - SHARED:
            found[name].append(path.relative_to(TRAINING).as_posix())
    assert len(found) > 200
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}
