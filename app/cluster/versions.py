"""Whether every node has the versions of this process: of Thalamus, of Ray and of Python.

Ray refuses nodes of another Ray or Python when they join, unless it was persuaded not to. Nothing
but this check notices another Thalamus, which might read files and write rows in another way.
"""

from collections.abc import Callable, Iterable, Mapping

from app.errors import ClusterError

Versions = Mapping[str, str]
_ABSENT = "none"


def check_versions(of_nodes: Iterable[tuple[str, Versions]]) -> None:
    """Raise `ClusterError` naming the first node whose versions differ from this process's."""
    own = versions_of_process()()
    for node, found in of_nodes:
        for name, expected in own.items():
            got = found.get(name, _ABSENT)
            if got != expected:
                raise ClusterError(
                    f"node {node}: expected {name} {expected} as here, got {got}; "
                    "install the same on every node"
                )


def versions_of_process() -> Callable[[], Versions]:
    """Return a function that a node without Thalamus can run too: its code travels with it."""

    def versions() -> dict[str, str]:
        import importlib
        import platform
        from importlib import metadata

        def installed(name: str) -> str:
            try:
                return metadata.version(name)
            except metadata.PackageNotFoundError:
                return "none"

        try:
            ours = str(importlib.import_module("app").__version__)
        except (ImportError, AttributeError):
            ours = "none"
        python = ".".join(platform.python_version_tuple()[:2])
        others = ("ray", "onnxruntime", "onnxruntime-gpu", "numpy")  # on which answers depend
        return {"thalamus": ours, "Python": python} | {name: installed(name) for name in others}

    return versions
