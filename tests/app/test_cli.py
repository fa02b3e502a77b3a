import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.registry import SHIPPED
from tests import fakes, media
from tests.app.commands import one_line, run
from tests.imports import imported

ROOT = Path(__file__).parents[2]
COMMANDS = ("serve", "predict", "complete", "models", "verify", "pack")


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


def test_verify_lists_what_the_service_does_not_serve_either(capsys, models: Path) -> None:
    (models / "lost+found").mkdir()
    (models / "colours" / "v7").mkdir()
    status, out, _ = run(capsys, "verify", models)
    assert status == 0
    skipped = [line.split("\t")[:2] for line in out.splitlines() if line.startswith("not")]
    assert skipped == [["not served", "colours/v7"], ["not served", "lost+found"]]


def test_verify_of_a_linked_version_counts_its_own_name(capsys, models: Path) -> None:
    version = models / "colours" / "1"
    version.symlink_to(version.rename(models.parent / "0a1b2c"))
    for folder in (models, models / "colours", version):
        status, out, _ = run(capsys, "verify", folder)
        assert (status, "ok\tcolours/1" in out) == (0, True)


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
    members = {"reconstruction_error", "novelty", "reconstruction"}
    assert set(answer) == {"file", "model", "version", *members}
    asked = run(capsys, "predict", folder, file, "--task", "embed")[1]
    assert len(json.loads(asked)["embed"]) == 3
    assert 0 < answer["novelty"] <= 1
    assert run(capsys, "verify", tmp_path / "models")[:2] == (
        0,
        "ok\tplain-colours/1\t2 golden cases on CPUExecutionProvider\n",
    )


def test_predict_takes_the_version_that_serves(capsys, models: Path, tmp_path: Path) -> None:
    from app.bundle import publish

    publish(fakes.image_bundle(version=10, sharpness=0.5), models)
    file = tmp_path / "red.png"
    file.write_bytes(media.picture())
    probabilities = [
        json.loads(run(capsys, "predict", models / below, file)[1])["probability"]
        for below in ("colours", "colours/10", "colours/1")
    ]
    assert probabilities[0] == probabilities[1] < probabilities[2]
    rule = models / "colours" / "serving.json"
    rule.write_text('{"held": [10]}')
    assert (
        json.loads(run(capsys, "predict", models / "colours", file)[1])["probability"]
        == (probabilities[2])
    )
    rule.write_text('{"pin": 1}')
    status, _, error = run(capsys, "predict", models / "colours", file)
    assert (status, "pin: Extra inputs" in error, error.count("\n")) == (2, True, 1)


def test_command_errors_are_one_line_with_status_2(
    capsys, monkeypatch, published: Path, tmp_path: Path
) -> None:
    junk = tmp_path / "junk.png"
    junk.write_bytes(b"junk")
    assert "no bundle here" in one_line(capsys, "models", tmp_path)
    assert "no such folder" in one_line(capsys, "verify", tmp_path / "nowhere")
    assert "nowhere" in one_line(capsys, "predict", published / "colours", tmp_path / "nowhere")
    near = one_line(capsys, "predict", published / "colour", junk)
    assert f"no such folder (did you mean {published / 'colours'}?)" in near
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
        (("predict", "x"), "PATH is missing; see thalamus predict --help"),
        (("predict", "x", "y", "--top-k"), "--top-k needs a value"),
        (("pack", "x.onnx"), "--name is missing"),
    ],
)
def test_argument_errors_are_one_line_with_status_2(capsys, arguments, complaint: str) -> None:
    assert complaint in one_line(capsys, *arguments)


def test_ctrl_c_ends_without_a_traceback(
    capsys, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("app.bundle.listing.list_models", stopped)
    assert run(capsys, "models", published) == (130, "", "")


@pytest.mark.parametrize("top_k", ["0", "-1", "x", "1.5", "0x1", "\u00b2", "9" * 5000])
def test_predict_refuses_top_k_out_of_bounds(capsys, published: Path, top_k: str) -> None:
    line = one_line(capsys, "predict", published / "colours", "x", f"--top-k={top_k}")
    assert "--top-k: expected a whole number of at least 1" in line and len(line) < 200


def test_help_groups_every_command(capsys) -> None:
    status, out, err = run(capsys, "--help")
    assert (status, err) == (0, "")
    assert re.findall(r"^([A-Z].*):$", out, re.MULTILINE) == [
        "Serving",
        "Asking",
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
    assert not re.search(r"\bSTR\b|\[ARGS|Default: (\(\)|\.)", out)


def test_usage_names_an_argument_that_may_be_left_out(capsys) -> None:
    _, out, _ = run(capsys, "verify", "--help")
    assert out.startswith("Usage: thalamus verify [OPTIONS] [FOLDER]\n")


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


@pytest.mark.slow
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


@pytest.mark.slow
def test_output_to_a_full_disk_is_one_line() -> None:
    command = [sys.executable, "-m", "app.cli", "serve", "--help"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert done.returncode == 2
    assert done.stderr == "thalamus: cannot write the output: No space left on device\n"


@pytest.mark.slow
def test_closed_streams_are_no_traceback(published: Path, tmp_path: Path) -> None:
    text, out = tmp_path / "text.txt", tmp_path / "out.jsonl"
    text.write_text("good day")
    predict = f"{sys.executable} -m app.cli predict {published / 'moods'}"

    def said(command: str) -> tuple[int, str, str]:
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)
        return done.returncode, done.stdout, done.stderr

    closed = "thalamus: cannot write the output: Bad file descriptor\n"
    assert said(f"{predict} {text} >&-") == (2, "", closed)
    assert said(f"{predict} {text} --out {out} <&- >&- 2>&-") == (0, "", "")
    status, rows, err = said(f"{predict} - <&-")
    assert (status, '"error"' in rows) == (1, True) and "could not be answered" in err
    assert said(f"{predict} {text} 2>&-") == (0, rows_of(out, text), "")


def rows_of(out: Path, text: Path) -> str:
    """Return the rows of a run, which are about the text."""
    rows = out.read_text()
    assert rows.count("\n") == 1 and str(text) in rows
    return rows


@pytest.mark.slow
def test_broken_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m app.cli serve --help | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.startswith("Usage: thalamus serve [OPTIONS]") and done.stderr == ""
