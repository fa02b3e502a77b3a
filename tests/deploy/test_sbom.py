"""The bills of materials hold what the locks lock, are valid, and are the same each time."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import sbom
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from app import __version__

ROOT = Path(__file__).resolve().parents[2]
LOCKS = {path.name: path.read_text() for path in (ROOT / "requirements").glob("*.txt")}


def locked(locks) -> dict[str, set[str]]:
    """Return the hashes of each package URL, read line by line."""
    found: dict[str, set[str]] = {}
    for lock in locks:
        for line in LOCKS[lock].splitlines():
            if start := re.match(r"(\S+)==([^\s\\]+)", line):
                hashes = found.setdefault(f"pkg:pypi/{start[1]}@{start[2]}", set())
            if not line.lstrip().startswith("#"):
                hashes |= set(re.findall(r"sha256:(\w+)", line))
    return found


@pytest.fixture(scope="module", params=sbom.DOCUMENTS)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def text(name: str) -> str:
    return sbom.document(name)


def test_every_locked_package_is_in_it_with_its_hashes(name: str, text: str) -> None:
    listed = {}
    for component in json.loads(text)["components"]:
        [files] = component["externalReferences"]
        assert files["type"] == "distribution"
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert {each["alg"] for each in files["hashes"]} == {"SHA-256"}
        assert component["purl"] not in listed
        listed[component["purl"]] = {each["content"] for each in files["hashes"]}
    assert listed == locked(sbom.DOCUMENTS[name])
    assert len(listed) > 50
    assert all(listed.values())


def test_it_is_valid_cyclonedx(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    head = json.loads(text)
    assert (head["bomFormat"], head["specVersion"]) == ("CycloneDX", "1.6")
    about = head["metadata"]["component"]
    assert (about["name"], about["version"]) == ("thalamus", __version__)


def test_everything_in_it_is_needed_by_something(text: str) -> None:
    document = json.loads(text)
    needs = {each["ref"]: set(each.get("dependsOn", [])) for each in document["dependencies"]}
    reached, waiting = set(), ["thalamus"]
    while waiting:
        new = needs[waiting.pop()] - reached
        reached |= new
        waiting += new
    assert reached == {component["bom-ref"] for component in document["components"]}


@pytest.mark.slow
def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    script = ROOT / "deploy" / "sbom.py"
    for run in ("1", "2"):
        subprocess.run(
            [sys.executable, script, tmp_path / run],
            env=os.environ | {"PYTHONHASHSEED": run},
            check=True,
            capture_output=True,
        )
    written = [
        {path.name: path.read_bytes() for path in (tmp_path / run).iterdir()} for run in "12"
    ]
    assert written[0] == written[1]
    assert set(written[0]) == {f"{each}.cdx.json" for each in sbom.DOCUMENTS}


def test_the_time_is_what_source_date_epoch_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert "timestamp" not in json.loads(sbom.document("thalamus-cpu"))["metadata"]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    stamped = json.loads(sbom.document("thalamus-cpu"))["metadata"]["timestamp"]
    assert stamped == "2023-11-14T22:13:20+00:00"


def test_licences_are_those_of_the_installed_metadata() -> None:
    components = {
        each["name"]: each for each in json.loads(sbom.document("thalamus-cpu"))["components"]
    }
    [licence] = components["uvicorn"]["licenses"]
    assert licence["license"] == {"id": "BSD-3-Clause", "acknowledgement": "declared"}
    unknown = [name for name, each in components.items() if "licenses" not in each]
    assert len(unknown) < 10


def test_what_only_building_needs_is_excluded() -> None:
    components = json.loads(sbom.document("thalamus-cpu"))["components"]
    assert [c["name"] for c in components if c["scope"] == "excluded"] == ["setuptools"]


@pytest.mark.parametrize(
    "damaged",
    [
        "a==1\n",
        "a==1 \\\n    --hash=md5:0\n",
        "a>=1 \\\n    --hash=sha256:" + "0" * 64,
        "-r b.txt\n",
    ],
)
def test_a_lock_without_hashes_is_refused(damaged: str) -> None:
    with pytest.raises(ValueError, match="no locked package"):
        list(sbom.read_lock(f"# a comment\n{damaged}"))
