"""The locks hold what pyproject.toml says they hold."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_packages_whose_dependencies_are_left_out_are_locked_at_that_version() -> None:
    """Otherwise the next lock would hold what they need."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    given = project["tool"]["uv"]["dependency-metadata"]
    folder = ROOT / "requirements"
    locks = "\n".join(path.read_text() for path in folder.glob("*.txt"))
    assert given
    for each in given:
        assert f"\n{each['name']}=={each['version']} \\\n" in locks
