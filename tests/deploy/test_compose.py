"""The compose file shuts the container in as far as the service allows."""

import re
import shutil
import subprocess
from pathlib import Path

import dockerfile
import pytest
import yaml

from app.errors import OperatorError
from app.process.exposure import check_exposure
from app.process.serve import supervisor_policy
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
KEYED = yaml.safe_load((ROOT / "deploy" / "compose.keys.yaml").read_text())["services"]
STAGES = dockerfile.read((ROOT / "Dockerfile").read_text())
VARIABLE = re.compile(r"\$\{(\w+):([-+])([^}]*)\}")
each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def interpolated(text: str, **variables: str) -> str:
    """Return the text as Compose makes it: `:-` for what is not set, `:+` instead of what is."""

    def value(found: re.Match[str]) -> str:
        name, kind, other = found.groups()
        given = variables.get(name, "")
        return (given or other) if kind == "-" else (other if given else "")

    return VARIABLE.sub(value, text)


def settings_of(service: dict, *more: str, **variables: str) -> Settings:
    """Return the settings of a container: those of the image, then those of the file."""
    image = dockerfile.environment(dockerfile.lineage(STAGES, service["build"]["target"]))
    own = [interpolated(line, **variables) for line in (*service["environment"], *more)]
    named = {
        name.removeprefix("THALAMUS_").lower(): value
        for name, value in {**image, **dict(line.split("=", 1) for line in own)}.items()
        if name.startswith("THALAMUS_")
    }
    return Settings(**named | {"models": str(ROOT / "models")})


@each_service
def test_container_has_no_unneeded_rights(service):
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.keys() & {"privileged", "cap_add", "network_mode", "pid", "ipc"}
    user = dockerfile.last(STAGES, service["build"]["target"], "USER")
    assert user and service["user"] == user.value


@each_service
def test_models_are_mounted_read_only_and_tmp_is_bounded(service):
    (mount,) = service["volumes"]
    assert (mount["source"], mount["target"], mount["read_only"]) == ("./models", "/models", True)
    (tmp,) = service["tmpfs"]
    assert re.match(r"/tmp:size=\d+m,.*noexec", tmp)


@each_service
def test_container_resources_are_limited(service):
    assert service["pids_limit"] > 0
    assert re.fullmatch(r"\d+g", service["mem_limit"])


@each_service
def test_stop_grace_period_covers_the_longest_stop(service):
    assert (
        int(service["stop_grace_period"].removesuffix("s"))
        > supervisor_policy(Settings()).longest_stop
    )


@each_service
def test_port_is_bound_to_loopback_by_default(service):
    assert service["ports"] == ["${BIND:-127.0.0.1}:${PORT:-8000}:8000"]


@each_service
def test_everybody_may_ask_only_while_the_port_is_published_on_loopback(service):
    alone = settings_of(service)
    assert (alone.host, alone.allow_anonymous, alone.keys_file) == ("0.0.0.0", True, None)
    assert interpolated(service["ports"][0]).startswith("127.0.0.1:")
    assert interpolated(service["ports"][0], BIND="0.0.0.0").startswith("0.0.0.0:")
    opened = settings_of(service, BIND="0.0.0.0")
    with pytest.raises(OperatorError, match=r"THALAMUS_KEYS_FILE"):
        check_exposure(opened.host, meant=opened.allow_anonymous)


@pytest.mark.parametrize("name", SERVICES)
def test_with_keys_the_port_may_be_opened(name):
    added = KEYED[name]
    assert added.keys() == {"environment", "volumes"}  # Compose adds both to those of the service
    opened = settings_of(SERVICES[name], *added["environment"], BIND="0.0.0.0")
    (mount,) = added["volumes"]
    assert mount["read_only"] and mount["bind"] == {"create_host_path": False}
    assert opened.keys_file and opened.keys_file.parent == Path(mount["target"])
    assert opened.allow_anonymous is False
    assert "/keys/" in (ROOT / ".gitignore").read_text().splitlines()


@each_service
def test_container_restarts_and_keeps_the_healthcheck(service):
    assert service["restart"] == "unless-stopped"
    assert "healthcheck" not in service
    assert dockerfile.last(STAGES, service["build"]["target"], "HEALTHCHECK")


def test_the_cpu_is_the_default_and_the_gpu_a_profile():
    assert {name: s["build"]["target"] for name, s in SERVICES.items()} == {
        "thalamus": "cpu",
        "thalamus-gpu": "gpu",
    }
    assert "profiles" not in SERVICES["thalamus"]
    gpu = SERVICES["thalamus-gpu"]
    assert gpu["profiles"] == ["gpu"]
    assert "THALAMUS_DEVICE=cuda" in gpu["environment"]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device["driver"] == "nvidia" and device["capabilities"] == ["gpu"]


@pytest.mark.slow
def test_docker_compose_accepts_the_file():
    command = ["docker", "compose"]
    if shutil.which("docker") is None:
        pytest.skip("the docker client is not installed")
    if subprocess.run([*command, "version"], capture_output=True).returncode:
        pytest.skip("the docker client has no compose plugin")
    call = [*command, "--profile", "gpu", "config", "--quiet"]
    found = subprocess.run(call, cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
