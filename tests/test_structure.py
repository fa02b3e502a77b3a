"""The budgets that CONTRIBUTING.md promises. Each test lists every offender."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("app", "training", "benchmarks", "clients")
SAYS_NOTHING = {"utils", "common", "core", "helpers", "helper", "base", "manager", "misc"}
# Names that several modules define on purpose, each time for the same kind of thing.
ONE_IN_EACH_MODULE = {
    "ARCHIVE": "the file a data set is downloaded as",
    "CONTENT": "what of that file is unpacked",
    "INSTALLED": "the folder a Debian package installs its pictures in",
    "RECIPE": "the recipe of a shipped model",
    "TreeLSTM": "the network, and the ONNX function that graphs call by this name",
    "URL": "the address of a data set",
    "load": "reads a data set",
    "parse": "reads one notation of trees",
    "router": "the routes of an API module",
}


def visible(folder: Path) -> Iterator[Path]:
    """Give each Python file below, but enter no hidden folder: environments may be in one."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.name.startswith("."):
            yield from visible(path)
        elif path.suffix == ".py":
            yield path


@pytest.fixture(scope="module", autouse=True)
def _forget_the_syntax_trees() -> Iterator[None]:
    """They would make the garbage collections of all later tests slow."""
    yield
    parsed.cache_clear()


@cache
def parsed(package: str) -> dict[str, ast.Module]:
    """Return the syntax tree of every file of a package, by its path."""
    paths = visible(ROOT / package)
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in paths}


def modules(*packages: str) -> dict[str, ast.Module]:
    """Return the syntax tree of every file of these packages, by its path."""
    return {path: tree for package in packages for path, tree in parsed(package).items()}


def every_module() -> dict[str, ast.Module]:
    return modules(*PACKAGES)


def public_names(module: ast.Module) -> Iterator[str]:
    """Give the name of each class, function and constant that a module defines for others."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            stored = (part for target in targets for part in ast.walk(target))
            yield from (part.id for part in stored if isinstance(part, ast.Name))


def defined_twice(packages: dict[str, ast.Module]) -> dict[str, list[str]]:
    """Return the public names that several modules define, with the paths of those modules."""
    places: dict[str, list[str]] = defaultdict(list)
    for path, module in packages.items():
        for name in sorted(set(public_names(module))):
            if not name.startswith("_"):
                places[name].append(path)
    return {name: paths for name, paths in sorted(places.items()) if len(paths) > 1}


def none(offenders: Iterable[object]) -> None:
    """Fail with the whole list; pytest's comparison would cut it."""
    lines = [str(offender) for offender in offenders]
    assert not lines, "\n".join(["", *lines])


def test_files_have_at_most_300_lines() -> None:
    paths = [path for package in (*PACKAGES, "tests") for path in visible(ROOT / package)]
    lengths = {path.relative_to(ROOT): len(path.read_text().splitlines()) for path in paths}
    none(f"{path} has {lines} lines" for path, lines in lengths.items() if lines > 300)


def test_functions_have_at_most_40_lines() -> None:
    functions = (
        (path, node)
        for path, module in every_module().items()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    none(
        f"{path}:{node.lineno} {node.name} has {lines} lines"
        for path, node in functions
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > 40
    )


def test_file_names_say_what_is_inside() -> None:
    none(path for path in every_module() if Path(path).stem in SAYS_NOTHING)


def test_modules_have_a_docstring() -> None:
    none(path for path, tree in every_module().items() if tree.body and not ast.get_docstring(tree))


def beside_commands(packages: dict[str, ast.Module]) -> dict[str, ast.Module]:
    """Leave out the command lines: a command has the name of the function that it calls."""
    return {path: module for path, module in packages.items() if "/cli/" not in path}


def test_a_public_name_is_defined_once() -> None:
    """One implementation for both halves; `ONE_IN_EACH_MODULE` explains each exception."""
    twice = defined_twice(beside_commands(modules("app", "training")))
    none(f"{name}: {', '.join(twice[name])}" for name in twice.keys() - ONE_IN_EACH_MODULE.keys())


def test_the_list_of_shared_names_holds_no_other_name() -> None:
    none(ONE_IN_EACH_MODULE.keys() - defined_twice(modules("app", "training")).keys())
