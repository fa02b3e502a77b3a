"""Values for the Helm chart, what it renders, and programs in the renderer's environment."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dockerfile
import pytest
import render
import yaml

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
STAGES = dockerfile.read((ROOT / "Dockerfile").read_text())
Documents = Mapping[str, Mapping[str, Any]]
ANONYMOUS = {"anonymous": True, "keys": {"existingSecret": ""}}
CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "keys made": {"keys": {"content": '{"name": "shop", "sha256": "00", "scopes": ["predict"]}\n'}},
    "anonymous": ANONYMOUS,
    "one GPU": {
        "gpu": {"count": 1},
        "workers": 4,
        "resources": {
            "requests": {"cpu": "4", "memory": "4Gi"},
            "limits": {"memory": "8Gi", "cpu": "8"},
        },
        "runtimeClassName": "nvidia",
        "nodeSelector": {"accelerator": "h100"},
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "settings": {"MAX_BATCH": 256, "CUDA_GRAPHS": True},
    },
    "autoscaling": {"autoscaling": {"enabled": True}},
    "KEDA": {"autoscaling": {"enabled": True, "engine": "keda", "min": 3, "waitSeconds": 0.25}},
    "autoscaling a GPU": {
        "gpu": {"count": 1},
        "autoscaling": {"enabled": True, "cpu": 0},
    },
    "bundles in the image": {"models": {"source": "image"}},
    "bundles copied": {"models": {"source": "copy", "image": "registry/bundles@sha256:00"}},
    "bundles mounted": {"models": {"source": "imageVolume", "image": "registry/bundles:7"}},
    "no policy": {"networkPolicy": {"enabled": False}, "disruptionBudget": {"enabled": False}},
    "policy": {
        "networkPolicy": {
            "from": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}
            ]
        }
    },
    "scraped": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
    "everything set": {
        "image": {"repository": "registry/thalamus", "digest": "sha256:" + "0" * 64},
        "imagePullSecrets": ["registry"],
        "stop": {"preStop": 10, "lameDuck": 15.5, "deadline": 60},
        "startSeconds": 902,
        "settings": {
            "MAX_QUEUE_SECONDS": 0.5,
            "ROOT_PATH": "/ml",
            "MAX_BODY": 33554432,
            "DEFAULTS": {"image": "digits"},
            "ALLOWED_HOSTS": "ml.example.com,*.example.org",
        },
        "service": {"type": "LoadBalancer", "port": 8080, "annotations": {"a": "b"}},
        "podAnnotations": {"prometheus.io/scrape": "true"},
        "spreadOver": ["kubernetes.io/hostname", "topology.kubernetes.io/zone"],
        "serviceAccountName": "thalamus",
        "priorityClassName": "high",
        "affinity": {"podAntiAffinity": {}},
        "disruptionBudget": {"maxUnavailable": "25%"},
    },
}
REFUSED = {
    "more workers than memory": (
        {"workers": 5},
        "5 workers need 5Gi, and resources.limits.memory is 4Gi",
    ),
    "a small request": (
        {"workers": 3},
        "3 workers rest at up to 1536Mi, and resources.requests.memory is 1Gi",
    ),
    "no keys": ({"keys": {"existingSecret": ""}}, "anonymous: true"),
    "keys for everybody": ({"anonymous": True}, "needs keys.existingSecret"),
    "no image of bundles": ({"models": {"source": "copy"}}, "copy needs models.image"),
    "an unknown value": ({"replicaCount": 3}, "replicaCount"),
    "an unknown setting": ({"settings": {"MAX_BATCHES": 1}}, "MAX_BATCHES"),
    "a setting of the chart's": ({"settings": {"WORKERS": 1}}, "WORKERS"),
    "no memory limit": ({"resources": {"limits": {"memory": None}}}, "memory"),
    "memory in other units": ({"resources": {"limits": {"memory": "4G"}}}, "memory"),
    "bounds": ({"autoscaling": {"enabled": True, "min": 9, "max": 3}}, "min is more than max"),
}


def in_the_environment(program: str, given: Any) -> Any:
    try:
        return render.run(program, given)
    except render.NoRenderer as reason:
        pytest.skip(str(reason))


def rendered(several: list[dict[str, Any]]) -> list[dict[str, str] | str]:
    """Return what each of several values makes, or the error; skip the test without a renderer."""
    try:
        return render.render(several)
    except render.NoRenderer as reason:
        pytest.skip(str(reason))


def settings_of(container: Mapping[str, Any]) -> Settings:
    """Return the settings of a container: those of the image, then the chart's."""
    image = dockerfile.environment(dockerfile.lineage(STAGES, "cpu"))
    variables = image | {each["name"]: each["value"] for each in container["env"]}
    own = {
        name.removeprefix("THALAMUS_").lower(): value
        for name, value in variables.items()
        if name.startswith("THALAMUS_")
    }
    assert own.keys() <= Settings.model_fields.keys()
    own["defaults"] = json.loads(own.get("defaults", "{}"))
    return Settings(**own | {"models": str(ROOT / "models")})


def of_kind(kind: str, renderings: dict[str, str], case: str) -> Mapping[str, Any]:
    [found] = [d for d in yaml.safe_load_all(renderings[case]) if d["kind"] == kind]
    return found
