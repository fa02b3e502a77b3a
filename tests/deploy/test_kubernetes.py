"""The plain manifest agrees with the image and with the settings; `test_chart.py` has its chart."""

from pathlib import Path

import dockerfile
import yaml

from app.api.addresses import PROBES as UNGUARDED
from app.process.resources import WORKER_MEMORY
from app.process.serve import supervisor_policy
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "deploy" / "kubernetes.yaml").read_text()
DOCUMENTS = {document["kind"]: document for document in yaml.safe_load_all(TEXT)}
POD = DOCUMENTS["Deployment"]["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
LABELS = DOCUMENTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
PROBES = {"startup": "/readyz", "readiness": "/readyz", "liveness": "/livez"}
STAGES = dockerfile.read((ROOT / "Dockerfile").read_text())


def test_everything_selects_the_same_pods():
    assert DOCUMENTS["Deployment"]["spec"]["selector"]["matchLabels"] == LABELS
    assert DOCUMENTS["Service"]["spec"]["selector"] == LABELS
    assert DOCUMENTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == LABELS
    assert DOCUMENTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == LABELS


def test_network_policy_forbids_egress():
    policy = DOCUMENTS["NetworkPolicy"]["spec"]
    assert "Egress" in policy["policyTypes"] and policy["egress"] == []


def test_probes_use_the_health_routes():
    paths = {name: CONTAINER[f"{name}Probe"]["httpGet"]["path"] for name in PROBES}
    assert paths == PROBES
    assert set(paths.values()) <= UNGUARDED, "it would need a key"


def test_the_container_is_the_images_user_without_rights():
    user = dockerfile.last(STAGES, "cpu", "USER")
    pod, own = POD["securityContext"], CONTAINER["securityContext"]
    assert user and user.value == f"{pod['runAsUser']}:{pod['runAsGroup']}"
    assert pod["runAsNonRoot"] and own["readOnlyRootFilesystem"]
    assert own["allowPrivilegeEscalation"] is False
    assert own["capabilities"] == {"drop": ["ALL"]}


def test_the_keys_are_a_secret_that_the_process_alone_reads():
    environment = {each["name"]: each["value"] for each in CONTAINER["env"]}
    (mount,) = [each for each in CONTAINER["volumeMounts"] if each["name"] == "keys"]
    (volume,) = [each for each in POD["volumes"] if each["name"] == "keys"]
    keys_file = Path(environment["THALAMUS_KEYS_FILE"])
    assert keys_file.parent == Path(mount["mountPath"]) and mount["readOnly"] is True
    assert "subPath" not in mount, "it would never be updated"
    assert volume["secret"]["defaultMode"] == 0o440
    assert "optional" not in volume["secret"], "the pod waits for its keys"
    assert "Secret" not in DOCUMENTS, "its content belongs in no repository"
    create = f"secret generic {volume['secret']['secretName']} --from-file={keys_file.name}"
    assert create in TEXT


def test_without_its_keys_the_service_would_not_start():
    environment = {each["name"] for each in CONTAINER["env"]}
    assert "THALAMUS_ALLOW_ANONYMOUS" not in environment


def test_the_probes_carry_no_key():
    for name in PROBES:
        assert CONTAINER[f"{name}Probe"]["httpGet"].keys() == {"path", "port"}


def test_a_service_of_the_same_name_sets_no_port():
    assert POD["enableServiceLinks"] is False


def test_grace_period_covers_the_drain():
    leaves = int(CONTAINER["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert (
        POD["terminationGracePeriodSeconds"] > leaves + supervisor_policy(Settings()).longest_stop
    )


def test_the_workers_fit_the_resources():
    environment = {each["name"]: each["value"] for each in CONTAINER["env"]}
    resources = CONTAINER["resources"]
    assert environment["THALAMUS_WORKERS"] == resources["requests"]["cpu"]
    memory = int(resources["limits"]["memory"].removesuffix("Gi")) * 2**30
    assert int(environment["THALAMUS_WORKERS"]) * WORKER_MEMORY <= memory


def test_the_volume_belongs_to_the_user():
    assert POD["securityContext"]["fsGroup"] == POD["securityContext"]["runAsGroup"]


def test_the_environment_names_settings():
    known = {f"THALAMUS_{name.upper()}" for name in Settings.model_fields}
    assert {variable["name"] for variable in CONTAINER["env"]} <= known
