import json
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli import main
from app.registry import SHIPPED
from app.runtime.providers import cuda_present
from tests import fakes, media


@pytest.fixture(autouse=True)
def _undo_what_serve_sets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """`serve` sends the log to stderr, which here is pytest's for one test only."""
    for name in ("thalamus", "uvicorn"):
        logger = logging.getLogger(name)
        monkeypatch.setattr(logger, "handlers", logger.handlers)
        monkeypatch.setattr(logger, "propagate", logger.propagate)
        monkeypatch.setattr(logger, "level", logger.level)
    with warnings.catch_warnings():
        yield


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    """Return exit status, stdout and stderr of one command."""
    try:
        status = main([str(argument) for argument in arguments])
    except SystemExit as end:
        status = int(end.code or 0)
    said = capsys.readouterr()
    return status, said.out, said.err


def one_line(capsys, *arguments: object) -> str:
    status, out, err = run(capsys, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("thalamus: ")
    assert err.count("\n") == 1, err
    return err


@pytest.mark.parametrize("below", ["", "colours", "colours/1"])
def test_verify_says_ok(capsys, published: Path, below: str) -> None:
    status, out, _ = run(capsys, "verify", published / below, "--device", "cpu")
    assert status == 0
    assert "ok\tcolours/1\t2 golden cases on CPUExecutionProvider\n" in out
    assert out.count("ok\t") == (1 if below else 3)


def test_verify_says_what_differs(capsys, models: Path) -> None:
    path = models / "colours" / "1" / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1])
    status, out, _ = run(capsys, "verify", models)
    assert status == 1
    assert out.startswith("DIFFERS\tcolours/1\tunreadable\n\t")
    assert "was altered" in out
    assert out.count("ok\t") == 2


def test_verify_says_which_answer_differs(capsys, models: Path) -> None:
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


def test_predict_answers_as_the_pipeline(capsys, published: Path, tmp_path: Path) -> None:
    file = tmp_path / "what.bin"
    file.write_bytes(media.picture())
    status, out, _ = run(capsys, "predict", published / "colours", file, file, "--top-k", 2)
    assert status == 0
    answers = [json.loads(line) for line in out.splitlines()]
    assert [(a["file"], a["label"], len(a["top"])) for a in answers] == [(str(file), "red", 2)] * 2


def test_an_autoencoder_is_asked_for_what_it_can_say(capsys, tmp_path: Path) -> None:
    from app.bundle import publish

    folder, file = publish(fakes.autoencoder_bundle(), tmp_path / "models"), tmp_path / "scene.png"
    file.write_bytes(media.saved(media.scene()))
    answer = json.loads(run(capsys, "predict", folder, file)[1])
    assert set(answer) == {"file", "reconstruction_error", "novelty"}
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


def test_mistakes_are_one_line(capsys, monkeypatch, published: Path, tmp_path: Path) -> None:
    junk = tmp_path / "junk.png"
    junk.write_bytes(b"junk")
    assert "no bundle here" in one_line(capsys, "models", tmp_path)
    assert "no bundle here" in one_line(capsys, "verify", tmp_path / "nowhere")
    assert "nowhere" in one_line(capsys, "predict", published / "colours", tmp_path / "nowhere")
    assert "junk.png: expected a JPEG" in one_line(capsys, "predict", published / "colours", junk)
    assert "THALAMUS_MODELS" in one_line(capsys, "serve", "--models", tmp_path / "nowhere")
    assert "THALAMUS_PORT" in one_line(capsys, "serve", "--models", published, "--port", 70000)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "abc"),
        ("PORT", "-1"),
        ("DEVICE", "tpu"),
        ("THREADS", "1e3"),
        ("MAX_BODY", "0"),
        ("DEADLINE", "nan"),
        ("DEFAULTS", "imagenet"),
        ("MODELS", "/nowhere"),
    ],
)
def test_a_bad_setting_is_one_line(capsys, monkeypatch, published, name: str, value: str) -> None:
    monkeypatch.setenv("THALAMUS_MODELS", str(published))
    monkeypatch.setenv(f"THALAMUS_{name}", value)
    assert f"THALAMUS_{name}" in one_line(capsys, "serve").replace(
        '"defaults"', "THALAMUS_DEFAULTS"
    )


@pytest.mark.skipif(cuda_present(), reason="there is a GPU")
def test_cuda_without_a_gpu_is_one_line(capsys, published: Path) -> None:
    line = one_line(capsys, "serve", "--models", published, "--device", "cuda")
    assert "no usable CUDA device" in line


@pytest.mark.parametrize("top_k", ["0", "-1", "x", "\u00b2", "9" * 5000])
def test_top_k_out_of_bounds(capsys, published: Path, top_k: str) -> None:
    status, _, err = run(capsys, "predict", published / "colours", "x", f"--top-k={top_k}")
    assert status == 2
    assert "Traceback" not in err


def test_a_command_is_needed(capsys) -> None:
    status, _, err = run(capsys)
    assert status == 2
    assert "COMMAND" in err


def test_help_names_every_command(capsys) -> None:
    status, out, _ = run(capsys, "--help")
    assert status == 0
    assert all(command in out for command in ("serve", "predict", "models", "verify", "pack"))


def test_complete_goes_on_and_says_how_fast(capsys, tmp_path: Path) -> None:
    folder = fakes.publish(fakes.words_bundle(), tmp_path)
    status, out, err = run(capsys, "complete", folder, "The day", "--max-words", 8)
    assert (status, out) == (0, "The day is good, and we are glad.\n")
    assert err.startswith("8 words in ")
    drawn = [
        run(capsys, "complete", folder, "we", "--temperature", "2", "--seed", seed)[1]
        for seed in (1, 1, 2)
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    assert "goes on from texts" in one_line(capsys, "predict", folder, tmp_path / "any.txt")
    assert "got none" in one_line(capsys, "complete", folder, " ")


def test_a_classifier_does_not_complete(capsys, published: Path) -> None:
    assert "does not complete" in one_line(capsys, "complete", published / "moods", "The day")


@pytest.mark.parametrize("temperature", ["-1", "warm", "nan", "inf"])
def test_a_temperature_is_a_number(capsys, published: Path, temperature: str) -> None:
    status, _, err = run(
        capsys, "complete", published / "moods", "a", f"--temperature={temperature}"
    )
    assert status == 2 and "expected a number" in err
