"""What the Helm chart renders agrees with the service, the image and the settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dockerfile
import pytest
from chart import CASES, STAGES, Documents, of_kind, settings_of

from app.api.addresses import PROBES
from app.errors import OperatorError
from app.process.exposure import check_exposure
from app.process.policy import GRACE
from app.process.resources import WORKER_MEMORY

pytestmark = pytest.mark.slow


def mebibytes(quantity: str) -> int:
    return int(quantity[:-2]) * {"Gi": 1024, "Mi": 1}[quantity[-2:]]


def test_everything_selects_the_same_pods(documents: Documents) -> None:
    labels = documents["Deployment"]["spec"]["template"]["metadata"]["labels"]
    selectors = {
        "Deployment": lambda spec: spec["selector"]["matchLabels"],
        "Service": lambda spec: spec["selector"],
        "PodDisruptionBudget": lambda spec: spec["selector"]["matchLabels"],
        "NetworkPolicy": lambda spec: spec["podSelector"]["matchLabels"],
        "ServiceMonitor": lambda spec: spec["selector"]["matchLabels"],
    }
    for kind in documents.keys() & selectors.keys():
        assert selectors[kind](documents[kind]["spec"]) == labels
    for spread in documents["Deployment"]["spec"]["template"]["spec"]["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"] == labels


def test_probes_ask_addresses_that_need_no_key(container: Mapping[str, Any]) -> None:
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": 8000}
    for probe in ("startup", "readiness", "liveness"):
        asked = container[f"{probe}Probe"]["httpGet"]
        assert asked["path"] in PROBES and asked["port"] in ports
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_the_settings_are_valid_and_it_starts_only_guarded_or_on_purpose(
    container: Mapping[str, Any], pod: Mapping[str, Any]
) -> None:
    settings = settings_of(container)
    guarded = settings.keys_file is not None
    assert guarded is not settings.allow_anonymous
    check_exposure(settings.host, meant=guarded or settings.allow_anonymous)
    with pytest.raises(OperatorError):
        check_exposure(settings.host, meant=False)
    secrets = [volume for volume in pod["volumes"] if "secret" in volume]
    assert bool(secrets) is guarded
    if settings.keys_file is not None:
        [mount] = [each for each in container["volumeMounts"] if each["name"] == "keys"]
        assert settings.keys_file.parent == Path(mount["mountPath"]) and "subPath" not in mount


def test_the_grace_period_covers_the_stop(
    container: Mapping[str, Any], pod: Mapping[str, Any]
) -> None:
    settings = settings_of(container)
    leaves = int(container["lifecycle"]["preStop"]["exec"]["command"][-1])
    stop = leaves + settings.lame_duck + settings.deadline + GRACE
    assert pod["terminationGracePeriodSeconds"] > stop


def test_the_memory_fits_the_workers(container: Mapping[str, Any]) -> None:
    settings, resources = settings_of(container), container["resources"]
    assert settings.workers * WORKER_MEMORY <= mebibytes(resources["limits"]["memory"]) << 20
    assert settings.workers * 512 <= mebibytes(resources["requests"]["memory"])


def test_the_process_has_no_rights(container: Mapping[str, Any], pod: Mapping[str, Any]) -> None:
    user = dockerfile.last(STAGES, "cpu", "USER")
    context = pod["securityContext"]
    assert user and user.value == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert context["runAsNonRoot"] and context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert context["fsGroup"] == context["runAsGroup"]
    for each in (container, *pod.get("initContainers", [])):
        own = each["securityContext"]
        assert own["readOnlyRootFilesystem"] and own["allowPrivilegeEscalation"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert each["resources"]["limits"]["memory"] and each["resources"]["requests"]["cpu"]
    writable = [mount for mount in container["volumeMounts"] if not mount.get("readOnly")]
    assert [mount["mountPath"] for mount in writable] == ["/tmp"]
    assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False


def test_every_mount_has_its_volume(container: Mapping[str, Any], pod: Mapping[str, Any]) -> None:
    mounts = {mount["name"] for mount in container["volumeMounts"]}
    assert mounts == {volume["name"] for volume in pod["volumes"]}


def test_a_gpu_is_asked_for_and_insisted_on(renderings: dict[str, str]) -> None:
    spec = of_kind("Deployment", renderings, "one GPU")["spec"]["template"]["spec"]
    [container] = spec["containers"]
    assert container["image"] == "thalamus:gpu"
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert settings_of(container).device == "cuda"
    assert spec["runtimeClassName"] == "nvidia" and spec["nodeSelector"] and spec["tolerations"]
    assert settings_of(container).max_batch == 256


def test_what_is_set_arrives(renderings: dict[str, str]) -> None:
    spec = of_kind("Deployment", renderings, "everything set")["spec"]["template"]["spec"]
    [container] = spec["containers"]
    settings = settings_of(container)
    assert (settings.max_queue_seconds, settings.root_path) == (0.5, "/ml")
    assert (settings.max_body, settings.defaults) == (33554432, {"image": "digits"})
    assert settings.allowed_hosts == ("ml.example.com", "*.example.org")
    assert container["image"] == "registry/thalamus@sha256:" + "0" * 64
    assert container["startupProbe"]["failureThreshold"] * 5 >= 902
    assert spec["terminationGracePeriodSeconds"] == 99  # 10 + 15.5 + 60 + 5 + 8


def test_a_made_secret_holds_the_file(renderings: dict[str, str]) -> None:
    secret = of_kind("Secret", renderings, "keys made")
    assert secret["stringData"] == {"keys.jsonl": CASES["keys made"]["keys"]["content"]}
    pod = of_kind("Deployment", renderings, "keys made")["spec"]["template"]["spec"]
    [volume] = [each["secret"] for each in pod["volumes"] if each["name"] == "keys"]
    assert volume == {"secretName": secret["metadata"]["name"], "defaultMode": 0o440}
