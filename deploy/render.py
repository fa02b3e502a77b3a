"""Renders the Helm chart: `python -m deploy.render`, or `make manifest`, writes kubernetes.yaml.

`python -m deploy.render VALUES.yaml` prints what a file of values makes instead. Helm's own library
renders, from a wheel in an environment of its own (deploy/helm.txt): no helm command is needed, and
no cluster is asked. So `lookup` and the cluster's capabilities are Helm's defaults.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from benchmarks.environments import PackageEnvironment

DEPLOY = Path(__file__).resolve().parent
CHART = DEPLOY / "helm" / "thalamus"
MANIFEST = DEPLOY / "kubernetes.yaml"
RELEASE, NAMESPACE = "thalamus", "default"
INSTALLING, RUNNING = 600, 120  # seconds, at most
HEADER = """\
# Written by `make manifest` from the chart in deploy/helm/thalamus with its default values. Change
# the chart, or use it: docs/how-to/kubernetes.md.
#
# THALAMUS_KEYS_FILE=keys.jsonl thalamus keys add NAME
# kubectl create secret generic thalamus-keys --from-file=keys.jsonl
# kubectl apply -f deploy/kubernetes.yaml
# Change `image`, and the volume `models` if the bundles are not on a claim of this name. To change
# the keys, replace the Secret: within a minute or two the kubelet writes it into the pods, and the
# service reads it without a restart. The probes need no key.
"""
_PROGRAM = """
import json, sys
import helm_python as helm

chart, release, namespace, several = json.load(sys.stdin)
found = []
with helm.Chart.load(chart) as loaded:
    for values in several:
        try:
            loaded.validate_schema(values)
            found.append(loaded.render(values, name=release, namespace=namespace))
        except helm.HelmError as error:
            found.append(str(error))
print(json.dumps(found))
"""


class RenderingFailed(Exception):
    """The chart refuses the values; the message is Helm's."""


class NoRenderer(Exception):
    """The environment cannot be installed."""


def environment() -> PackageEnvironment:
    """Return the environment that has Helm's library."""
    return PackageEnvironment(DEPLOY / "helm.txt", DEPLOY / ".environments", INSTALLING)


def run(program: str, given: Any) -> Any:
    """Run a program in the environment; JSON in, JSON out. Raises `NoRenderer`."""
    helm = environment()
    if (reason := helm.install()) is not None:
        raise NoRenderer(f"the environment of {helm.pins.name} {reason}")
    done = subprocess.run(
        [str(helm.python), "-c", program],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=RUNNING,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout)


def render(several: Sequence[Mapping[str, Any]]) -> list[dict[str, str] | str]:
    """Return what each of several values makes: texts by the names of templates, or the error."""
    found = run(_PROGRAM, [str(CHART), RELEASE, NAMESPACE, list(several)])
    return [each if isinstance(each, str) else _named(each) for each in found]


def manifest(values: Mapping[str, Any]) -> str:
    """Return all documents for some values as one text. Raises `RenderingFailed`."""
    [found] = render([values])
    if isinstance(found, str):
        raise RenderingFailed(found)
    return joined(found)


def joined(found: Mapping[str, str]) -> str:
    """Return the documents of one rendering as one text, in the order of the templates' names."""
    documents = [text.strip() for name, text in sorted(found.items()) if name.endswith(".yaml")]
    return "---\n".join(f"{text}\n" for text in documents if text)


def _named(found: Mapping[str, str]) -> dict[str, str]:
    return {name.rpartition("/")[2]: text for name, text in found.items()}


def main(arguments: Sequence[str]) -> int:
    """Write the plain manifest, or print the rendering of a file of values."""
    try:
        if arguments:
            print(manifest(yaml.safe_load(Path(arguments[0]).read_text()) or {}), end="")
        else:
            MANIFEST.write_text(HEADER + manifest({}))
    except (NoRenderer, OSError, RenderingFailed, yaml.YAMLError) as error:
        print(f"render: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
