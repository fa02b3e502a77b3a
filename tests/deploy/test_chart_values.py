"""The Helm chart renders valid documents, takes the values that it documents and refuses others.

No API server was to be had: that a cluster takes the documents is tested by schemas only.
"""

import json

import pytest
import render
import yaml
from chart import REFUSED, in_the_environment, rendered

from app import __version__
from app.settings import Settings

pytestmark = pytest.mark.slow
VERSIONS = ("1.31", "1.37")
VALIDATE = """
import json, sys, warnings
import kubernetes_validate

warnings.simplefilter("ignore")
found = []
for version, document in json.load(sys.stdin):
    try:
        used = kubernetes_validate.validate(document, version, strict=True)
        found.append(None if used == version else f"{used} instead of {version}")
    except kubernetes_validate.ValidationError as error:
        found.append(f"{list(error.path)}: {error.message}")
print(json.dumps(found))
"""


def test_the_plain_manifest_is_what_the_chart_renders(renderings: dict[str, str]) -> None:
    """If not: `make manifest`."""
    assert render.MANIFEST.read_text() == render.HEADER + renderings["default"]


def test_every_document_is_valid_in_both_versions(renderings: dict[str, str]) -> None:
    own = ("monitoring.coreos.com", "keda.sh")
    asked = [
        (version, document)
        for version in VERSIONS
        for text in renderings.values()
        for document in yaml.safe_load_all(text)
        if not document["apiVersion"].startswith(own)
    ]
    found = in_the_environment(VALIDATE, asked)
    assert len(found) > 100 and [each for each in found if each] == []


def test_the_validator_sees_mistakes() -> None:
    document = yaml.safe_load(render.MANIFEST.read_text().split("---\n")[0])
    document["spec"]["replica"] = 3
    [found] = in_the_environment(VALIDATE, [(VERSIONS[0], document)])
    assert "replica" in found


def test_helm_lints_the_chart() -> None:
    program = (
        "import json, sys, helm_python as helm\nprint(json.dumps(helm.lint(json.load(sys.stdin))))"
    )
    found = in_the_environment(program, str(render.CHART))
    assert found["errors"] == []
    assert [each["error"] for each in found["messages"]] == ["icon is recommended"]


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_gets_a_line(case: str) -> None:
    values, line = REFUSED[case]
    [found] = rendered([values])
    assert isinstance(found, str) and line in found


def test_the_schema_names_the_settings_that_the_chart_does_not_set() -> None:
    schema = json.loads((render.CHART / "values.schema.json").read_text())
    named = set(schema["properties"]["settings"]["propertyNames"]["enum"])
    chart = {"models", "host", "port", "workers", "threads", "device", "keys_file"}
    chart |= {"allow_anonymous", "lame_duck", "deadline"}
    assert named == {name.upper() for name in Settings.model_fields.keys() - chart}
    values = yaml.safe_load((render.CHART / "values.yaml").read_text())
    assert values.keys() == schema["properties"].keys() - {"global"}


def test_the_chart_is_the_projects_version() -> None:
    chart = yaml.safe_load((render.CHART / "Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__
