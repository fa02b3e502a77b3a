"""The code calls nothing that makes code, commands or paths of what it reads.

These are the ways in which models and data became code elsewhere: pickles (`torch.load`
without `weights_only`, `allow_pickle`, joblib), `trust_remote_code`, archives that are extracted,
expressions that are evaluated, shared memory that a name opens, XML with entities.
"""

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FILES = sorted(path for package in ("app", "training") for path in (ROOT / package).rglob("*.py"))
MODULES = {
    *("pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"),
    *("multiprocessing", "_posixshmem", "xml", "lxml", "yaml", "code", "codeop"),
}
# A digest of pickled bytes reads none; processes that are started get work from their parent alone.
HARMLESS = {"pickle": {"dumps"}, "multiprocessing": {"get_context"}}
FROM = {"ImageMath", "shared_memory", "unpack_archive"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "shutil.unpack_archive"}
METHODS = {"extractall", "register_custom_ops_library", "getxmp"}
OF_ARCHIVES = {"extract"}  # where zipfile or tarfile is imported
ARGUMENTS = {"allow_pickle", "trust_remote_code", "shell"}
# The service's own sockets are others. These are the downloads of data sets, and the commands that
# ask a server which the operator names.
ONLY_IN = {
    "urllib.request": {"training/data/sources.py"},
    "http.client": {
        *("app/cli/server_client.py", "app/cli/server_connection.py"),
        *("app/cli/predict/service.py", "training/data/sources.py"),
    },
    "subprocess": {"training/data/sources.py", "training/baselines/kneser_ney.py"},
    "ctypes": {
        *("app/bundle/rewrite.py", "app/process/listener.py", "app/process/prctl.py"),
        *("app/process/resources.py", "app/runtime/providers.py"),
    },
}


@lru_cache(maxsize=1)  # more would make the garbage collections of all later tests slow
def nodes(source: str) -> list[ast.AST]:
    """Return every node of a source text; a file is parsed once for each test."""
    return list(ast.walk(ast.parse(source)))


def findings(source: str) -> Iterator[str]:
    """Yield what a source text has of the above."""
    methods = METHODS | (OF_ARCHIVES if {"zipfile", "tarfile"} & set(imports(source)) else set())
    modules = MODULES - harmless(source)
    for node in nodes(source):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.split(".")[0] in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from {node.module.split(".")[0]} & MODULES
            yield from {alias.name for alias in node.names} & FROM
        elif isinstance(node, ast.Attribute) and node.attr in methods:
            yield node.attr
        elif isinstance(node, ast.keyword) and node.arg in ARGUMENTS:
            yield node.arg
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS:
            yield ast.unparse(node.func)
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
            given = {each.arg: ast.unparse(each.value) for each in node.keywords}
            if given.get("weights_only") != "True":
                yield "torch.load without weights_only=True"


def harmless(source: str) -> set[str]:
    """Return the modules of which a source text uses nothing but what `HARMLESS` has."""
    used: dict[str, set[str]] = {name: set() for name in HARMLESS}
    for node in nodes(source):
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) in used:
            used[ast.unparse(node.value)].add(node.attr)
    return {name for name, found in used.items() if found and found <= HARMLESS[name]}


def imports(source: str) -> Iterator[str]:
    for node in nodes(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_data_become_code(path: Path) -> None:
    assert list(findings(path.read_text())) == []


@pytest.mark.parametrize("module", ONLY_IN)
def test_the_network_other_programs_and_native_calls_are_in_known_places(module: str) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in FILES
        if module in set(imports(path.read_text()))
    }
    assert users <= ONLY_IN[module]


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from multiprocessing import shared_memory",
        "from xml.etree import ElementTree",
        "from PIL import ImageMath",
        "np.load(path, allow_pickle=True)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "archive.extractall(folder)",
        "import tarfile\ntarfile.open(x).extract(y)",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "eval(text)",
        "subprocess.run(text, shell=True)",
        "os.system(text)",
    ],
)
def test_each_of_them_would_be_found(source: str) -> None:
    assert list(findings(source))
