import json
import logging
import re
import socket
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli import main
from app.cli.serve import read_settings
from app.registry import SHIPPED
from app.runtime.providers import cuda_present
from app.settings import Settings
from tests import fakes, media
from tests.imports import imported

ROOT = Path(__file__).parents[2]
COMMANDS = ("serve", "predict", "complete", "models", "verify", "pack")


@pytest.fixture(autouse=True)
def _undo_what_serve_sets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Remove the log handler of `serve`, because pytest replaces stderr for each test."""
    for name in ("thalamus", "uvicorn"):
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, "handlers", logger.handlers)
        monkeypatch.setattr(logger, "propagate", logger.propagate)
        monkeypatch.setattr(logger, "level", logger.level)
    with warnings.catch_warnings():
        yield


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    """Return exit status, stdout and stderr of one command."""
    status = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return status, said.out, said.err


def one_line(capsys, *arguments: object) -> str:
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("thalamus: ")
    assert err.count("\n") == 1, err
    return err


@pytest.mark.parametrize("below", ["", "colours", "colours/1"])
def test_verify_reports_ok(capsys, published: Path, below: str) -> None:
    status, out, _ = run(capsys, "verify", published / below, "--device", "cpu")
    assert status == 0
    assert "ok\tcolours/1\t2 golden cases on CPUExecutionProvider\n" in out
    assert out.count("ok\t") == (1 if below else 3)


def test_verify_reports_altered_bundles(capsys, models: Path) -> None:
    path = models / "colours" / "1" / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    status, out, _ = run(capsys, "verify", models)
    assert status == 1
    assert out.startswith("DIFFERS\tcolours/1\tunreadable\n\t")
    assert "was altered" in out
    assert out.count("ok\t") == 2


def test_verify_reports_the_golden_case_that_differs(capsys, models: Path) -> None:
    from app.bundle import publish
    from app.bundle.publish import seal

    bundle = fakes.image_bundle(version=2)
    publish(
        seal(bundle.manifest, {**bundle.files, "model.onnx": fakes.image_graph(8, 2.0)}, SHIPPED),
        models,
    )
    status, out, _ = run(capsys, "verify", models)
    assert status == 1
    assert "\tgolden/red.png: alone: 'red' was published with" in out


def test_models_are_listed(capsys, published: Path) -> None:
    status, out, _ = run(capsys, "models", published)
    assert status == 0
    assert [line.split("\t")[:2] for line in out.splitlines()] == [
        ["colours/1", "image"],
        ["moods/1", "text"],
        ["sounds/1", "audio"],
    ]


def test_predict_prints_the_answers_of_the_pipeline(
    capsys, published: Path, tmp_path: Path
) -> None:
    file = tmp_path / "what.bin"
    file.write_bytes(media.picture())
    status, out, _ = run(capsys, "predict", published / "colours", file, file, "--top-k", 2)
    assert status == 0
    answers = [json.loads(line) for line in out.splitlines()]
    assert [(a["file"], a["label"], len(a["top"])) for a in answers] == [(str(file), "red", 2)] * 2


def test_predict_runs_the_tasks_of_an_autoencoder(capsys, tmp_path: Path) -> None:
    from app.bundle import publish

    folder, file = publish(fakes.autoencoder_bundle(), tmp_path / "models"), tmp_path / "scene.png"
    file.write_bytes(media.saved(media.scene()))
    answer = json.loads(run(capsys, "predict", folder, file)[1])
    assert set(answer) == {"file", "reconstruction_error", "novelty", "reconstruction"}
    asked = run(capsys, "predict", folder, file, "--task", "embed")[1]
    assert len(json.loads(asked)["embed"]) == 3
    assert 0 < answer["novelty"] <= 1
    assert run(capsys, "verify", tmp_path / "models")[:2] == (
        0,
        "ok\tplain-colours/1\t2 golden cases on CPUExecutionProvider\n",
    )


def test_predict_takes_the_newest_version(capsys, models: Path, tmp_path: Path) -> None:
    from app.bundle import publish

    publish(fakes.image_bundle(version=10, sharpness=0.5), models)
    file = tmp_path / "red.png"
    file.write_bytes(media.picture())
    probabilities = [
        json.loads(run(capsys, "predict", models / below, file)[1])["probability"]
        for below in ("colours", "colours/10", "colours/1")
    ]
    assert probabilities[0] == probabilities[1] < probabilities[2]


def test_command_errors_are_one_line_with_status_2(
    capsys, monkeypatch, published: Path, tmp_path: Path
) -> None:
    junk = tmp_path / "junk.png"
    junk.write_bytes(b"junk")
    assert "no bundle here" in one_line(capsys, "models", tmp_path)
    assert "no such folder" in one_line(capsys, "verify", tmp_path / "nowhere")
    assert "nowhere" in one_line(capsys, "predict", published / "colours", tmp_path / "nowhere")
    assert "Is a directory" in one_line(capsys, "predict", published / "colours", tmp_path)
    near = one_line(capsys, "predict", published / "colour", junk)
    assert f"no such folder (did you mean {published / 'colours'}?)" in near
    assert "junk.png: expected a JPEG" in one_line(capsys, "predict", published / "colours", junk)
    assert "--models: expected a folder" in one_line(capsys, "serve", "--models", junk)
    assert "--port: expected" in one_line(capsys, "serve", "--models", published, "--port", 70000)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "a COMMAND is needed; see thalamus --help"),
        (("vrify",), "unknown command 'vrify' (did you mean verify?); see thalamus --help"),
        (("models", "a", "b"), "unexpected argument 'b'; see thalamus models --help"),
        (("serve", "--prot=1"), "unknown option --prot (did you mean --port?)"),
        (("serve", "--device", "tpu"), "--device: expected one of auto, cpu, cuda, tensorrt, got"),
        (("predict", "x"), "FILES is missing; see thalamus predict --help"),
        (("predict", "x", "y", "--top-k"), "--top-k needs a value"),
        (("pack", "x.onnx"), "--name is missing"),
    ],
)
def test_argument_errors_are_one_line_with_status_2(capsys, arguments, complaint: str) -> None:
    assert complaint in one_line(capsys, *arguments)


def test_serve_on_a_used_port_is_a_one_line_error(capsys, published: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        line = one_line(capsys, "serve", "--models", published, "--port", port, "--workers", 1)
    assert f"port {port} is taken; choose another: --port" in line


def test_ctrl_c_ends_without_a_traceback(
    capsys, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "glob", stopped)
    assert run(capsys, "models", published) == (130, "", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "-1"),
        ("DEVICE", "tpu"),
        ("THREADS", "1e3"),
        ("MAX_BODY", "0"),
        ("DEADLINE", "nan"),
        ("DEADLINE", "inf"),
        ("DEFAULTS", "imagenet"),
        ("MODELS", "/nowhere"),
    ],
)
def test_serve_with_an_invalid_setting_is_a_one_line_error(
    capsys, monkeypatch, published, name: str, value: str
) -> None:
    monkeypatch.setenv("THALAMUS_MODELS", str(published))
    monkeypatch.setenv(f"THALAMUS_{name}", value)
    assert f"THALAMUS_{name}: expected" in one_line(capsys, "serve")


def test_serve_options_override_the_environment_and_that_the_defaults(
    monkeypatch: pytest.MonkeyPatch, published: Path
) -> None:
    monkeypatch.setenv("THALAMUS_MODELS", str(published))
    assert read_settings({}).port == 8000
    monkeypatch.setenv("THALAMUS_PORT", "1234")
    assert read_settings({}).port == 1234
    assert read_settings({"port": "4321"}).port == 4321


def test_serve_merges_one_default_model_with_the_others(
    monkeypatch: pytest.MonkeyPatch, published: Path
) -> None:
    monkeypatch.setenv("THALAMUS_MODELS", str(published))
    monkeypatch.setenv("THALAMUS_DEFAULTS", '{"image": "digits", "text": "spam"}')
    defaults = read_settings({"defaults": {"text": "emoji"}}).defaults
    assert defaults == {"image": "digits", "text": "emoji"}


@pytest.mark.skipif(cuda_present(), reason="there is a GPU")
def test_serve_on_cuda_without_a_gpu_is_a_one_line_error(capsys, published: Path) -> None:
    line = one_line(capsys, "serve", "--models", published, "--device", "cuda")
    assert "no usable CUDA device" in line


@pytest.mark.parametrize("top_k", ["0", "-1", "x", "1.5", "0x1", "\u00b2", "9" * 5000])
def test_predict_refuses_top_k_out_of_bounds(capsys, published: Path, top_k: str) -> None:
    line = one_line(capsys, "predict", published / "colours", "x", f"--top-k={top_k}")
    assert "--top-k: expected a whole number of at least 1" in line and len(line) < 200


def test_help_groups_every_command(capsys) -> None:
    status, out, err = run(capsys, "--help")
    assert (status, err) == (0, "")
    assert re.findall(r"^([A-Z].*):$", out, re.MULTILINE) == [
        "Serving",
        "Asking without a server",
        "Bundles",
        "Setup",
    ]
    assert set(COMMANDS) <= set(re.findall(r"^  (\w+) ", out, re.MULTILINE))


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_plain_text_with_an_example(capsys, command: str) -> None:
    status, out, err = run(capsys, command, "--help")
    assert (status, err) == (0, "")
    assert out.startswith(f"Usage: thalamus {command}")
    assert f"Example: thalamus {command} " in out
    assert out.isascii() and max(map(len, out.splitlines())) <= 100


def test_serve_has_an_option_for_every_setting(capsys) -> None:
    _, out, _ = run(capsys, "serve", "--help")
    said = " ".join(out.split())
    for name, field in Settings.model_fields.items():
        assert f" --{name.replace('_', '-')}" in said
        assert f"Environment: THALAMUS_{name.upper()}. " in said
        assert field.description and field.description in said
        if isinstance(field.default, int | str) and not isinstance(field.default, bool):
            assert f"THALAMUS_{name.upper()}. Default: {field.default}." in said.replace(
                "One of: auto, cpu, cuda, tensorrt. ", ""
            )


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion_lists_the_commands(
    capsys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    script = tmp_path / "script"
    assert run(capsys, "--install-completion", "--shell", shell, "--output", script)[0] == 0
    written = script.read_text()
    assert all(command in written for command in COMMANDS)
    assert "max-requests" in written and "tensorrt" in written


def test_help_and_mistakes_import_no_server_and_no_runtime() -> None:
    lines = [[], ["--help"], ["--version"], ["fly"], ["predict", "nowhere", "x"]]
    lines += [["verify", "nowhere"], ["serve", "--port", "x"], ["pack", "no.onnx"]]
    lines += [[command, "--help"] for command in COMMANDS]
    assert imported("app.cli", lines) == []


def test_complete_prints_the_text_and_its_speed(capsys, tmp_path: Path) -> None:
    folder = fakes.publish(fakes.words_bundle(), tmp_path)
    status, out, err = run(capsys, "complete", folder, "The day", "--max-words", 8)
    assert (status, out) == (0, "The day is good, and we are glad.\n")
    assert err.startswith("8 words in ")
    drawn = [
        run(capsys, "complete", folder, "we", "--temperature", "2", "--seed", seed)[1]
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    file = tmp_path / "any.txt"
    file.write_text("The day")
    assert "use: thalamus complete" in one_line(capsys, "predict", folder, file)
    assert "got none" in one_line(capsys, "complete", folder, " ")


def test_complete_refuses_a_classifier(capsys, published: Path) -> None:
    assert "does not complete" in one_line(capsys, "complete", published / "moods", "The day")


@pytest.mark.parametrize("temperature", ["-1", "warm", "nan", "inf"])
def test_complete_refuses_a_temperature_that_is_no_number(
    capsys, published: Path, temperature: str
) -> None:
    status, _, err = run(
        capsys, "complete", published / "moods", "a", f"--temperature={temperature}"
    )
    assert status == 2 and "expected a number" in err


def test_broken_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m app.cli serve --help | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.startswith("Usage: thalamus serve [OPTIONS]") and done.stderr == ""


def test_serve_receives_the_registry_of_the_program(monkeypatch, tmp_path: Path) -> None:
    """`main` passes its registry to the composition root, which serves all its tasks."""
    served: list = []
    monkeypatch.setattr("app.process.serve.serve", lambda settings, create: served.append(create))
    assert main(["serve", "--models", str(tmp_path)], lambda: SHIPPED) == 0
    assert served[0].keywords == {"tasks": SHIPPED.tasks, "modalities": SHIPPED.modalities}
