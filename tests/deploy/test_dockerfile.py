"""The Dockerfile keeps its promises; prove.sh shows that its steps work."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import dockerfile
import pytest

from app import __version__

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
STAGES = dockerfile.read(TEXT)
NAMES = [stage.name for stage in STAGES]
RULES = dockerfile.patterns((ROOT / ".dockerignore").read_text())
CONTEXT = sorted(dockerfile.context(ROOT, RULES))
TARGETS = ("cpu", "gpu")
EVERY = [each for stage in STAGES for each in stage.instructions]


def in_force(target: str, name: str) -> dockerfile.Instruction:
    found = dockerfile.last(STAGES, target, name)
    assert found is not None, f"{target} has no {name}"
    return found


def test_plain_build_makes_the_cpu_image():
    assert NAMES[-1] == "cpu"
    assert "gpu" in NAMES


@pytest.mark.parametrize("stage", STAGES, ids=NAMES)
def test_every_base_is_an_earlier_stage_or_has_a_fixed_tag(stage):
    if stage.base in NAMES[: NAMES.index(stage.name)]:
        return
    tag = re.fullmatch(r"[\w./-]+:([\w.-]+)(@sha256:[0-9a-f]{64})?", stage.base)
    assert tag and tag[1] != "latest"


@pytest.mark.parametrize("target", TARGETS)
def test_the_process_is_a_numbered_user_and_not_root(target):
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", in_force(target, "USER").value)


@pytest.mark.parametrize("target", TARGETS)
def test_signals_reach_the_service(target):
    assert in_force(target, "ENTRYPOINT").exec_form == ["thalamus"]
    assert in_force(target, "CMD").exec_form == ["serve"]
    assert in_force(target, "STOPSIGNAL").value == "SIGTERM"


@pytest.mark.parametrize("target", TARGETS)
def test_the_healthcheck_needs_nothing_but_python(target):
    words = in_force(target, "HEALTHCHECK").exec_form
    assert words and words[0] == "python"
    assert "/readyz" in words[-1] and "THALAMUS_PORT" in words[-1]
    assert not re.search(r"\b(curl|wget)\b", TEXT)
    compile(words[-1], "HEALTHCHECK", "exec")


@pytest.mark.parametrize("target", TARGETS)
def test_the_image_lets_nobody_ask_without_a_key(target):
    """It listens on every network, so whoever runs it must choose: keys, or everybody."""
    variables = dockerfile.environment(dockerfile.lineage(STAGES, target))
    assert not {"THALAMUS_KEYS_FILE", "THALAMUS_ALLOW_ANONYMOUS"} & variables.keys()


@pytest.mark.parametrize("target", TARGETS)
def test_the_environment_suits_a_read_only_container(target):
    variables = dockerfile.environment(dockerfile.lineage(STAGES, target))
    assert variables["PYTHONDONTWRITEBYTECODE"] == "1"
    assert variables["ORT_DISABLE_TELEMETRY"] == "1"
    assert variables["THALAMUS_HOST"] == "0.0.0.0"
    assert variables["THALAMUS_MODELS"] == "/models"
    assert in_force(target, "EXPOSE").value == variables["THALAMUS_PORT"]


def test_no_torch_is_installed():
    for lock in ("serve.txt", "cuda.txt"):
        names = re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements" / lock).read_text(), re.M)
        assert names
        assert not [name for name in names if name in ("torch", "triton", "lightning")]


def test_installed_packages_are_locked_by_hash():
    installs = [line.value for line in EVERY if line.name == "RUN" and " install " in line.value]
    assert len(installs) == 3
    for command in installs:
        assert "--no-deps" in command
        assert "--require-hashes" in command or "--no-build-isolation" in command


def test_nothing_is_fetched_by_address_and_no_secret_is_built_in():
    assert not [each for each in EVERY if each.name == "ADD"]
    assert "://" not in TEXT
    given = "\n".join(each.value for each in EVERY if each.name in ("ARG", "ENV"))
    assert not re.search(r"(?i)password|secret|token|api_?key|credential", given)


def test_the_version_label_is_the_projects():
    assert dockerfile.Instruction("ARG", (), f"VERSION={__version__}") in EVERY


def copied() -> list[str]:
    copies = [each for each in EVERY if each.name == "COPY" and not each.flag("from")]
    return [source for each in copies for source in each.value.split()[:-1]]


@pytest.mark.parametrize("source", copied())
def test_copied_files_exist_and_are_in_the_context(source):
    assert (ROOT / source).exists()
    assert [path for path in CONTEXT if path == source or path.startswith(f"{source}/")]


def test_context_holds_no_other_files():
    sources = copied()
    assert all(any(p == s or p.startswith(f"{s}/") for s in sources) for p in CONTEXT)
    assert not [path for path in CONTEXT if path.endswith((".pyc", ".onnx", ".env"))]


def test_copies_between_stages_name_stages():
    origins = [flag for each in EVERY if (flag := each.flag("from"))]
    assert origins and set(origins) <= set(NAMES)


@pytest.mark.parametrize(
    ("path", "out"),
    [
        ("LICENSE", False),
        ("app/api/classify.py", False),
        ("app/api/__pycache__/classify.cpython-311.pyc", True),
        ("requirements/serve.txt", False),
        ("requirements/training.txt", True),
        ("models/digits/1/model.onnx", True),
        (".git/config", True),
        (".env", True),
    ],
)
def test_dockerignore_matches_as_docker_does(path, out):
    assert dockerfile.ignored(RULES, path) is out


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("hadolint", ["Dockerfile"]), ("shellcheck", ["deploy/prove.sh"])],
)
def test_linters_find_nothing(tool, arguments):
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    found = subprocess.run([tool, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout


def test_proof_script_is_executable():
    assert os.access(ROOT / "deploy" / "prove.sh", os.X_OK)
