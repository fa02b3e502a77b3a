"""`thalamus serve`: its settings, from options and the environment, and its mistakes."""

import logging
import re
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli import main
from app.errors import OperatorError
from app.process.give_up import give_up
from app.registry import SHIPPED
from app.runtime.providers import cuda_present
from app.settings import Settings, read_settings
from tests.app.commands import one_line, run

ROOT = Path(__file__).parents[2]


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


def test_serve_on_a_used_port_is_a_one_line_error(capsys, published: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        line = one_line(capsys, "serve", "--models", published, "--port", port, "--workers", 1)
    assert f"port {port} is taken; choose another: --port" in line


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


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("DEVICE", "gpu", "expected 'auto', 'cpu', 'cuda' or 'tensorrt', got 'gpu'"),
        ("ROOT_PATH", "/ml/", "such as /ml, got '/ml/'"),
        ("DEFAULTS", "spam", 'expected JSON, such as {"image": "imagenet"}'),
        ("MAX_BYTES", "2048", "expected at least THALAMUS_MAX_BODY, 16777216, got 2048"),
        ("WORKER", "3", "there is no such setting; did you mean THALAMUS_WORKERS?"),
    ],
)
def test_serve_says_what_a_setting_may_be(
    capsys, monkeypatch, name: str, value: str, advice: str
) -> None:
    monkeypatch.setenv(f"THALAMUS_{name}", value)
    line = one_line(capsys, "serve")
    assert f"THALAMUS_{name}: " in line
    assert advice in line


def test_a_variable_like_no_setting_is_not_about_the_service(monkeypatch, published: Path) -> None:
    monkeypatch.setenv("THALAMUS_MODELS", str(published))
    monkeypatch.setenv("THALAMUS_SERVICE_PORT_HTTP", "80")
    read_settings({})


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


def test_errors_call_a_setting_as_whoever_gave_it(published: Path) -> None:
    with pytest.raises(OperatorError, match=r"^max_body: expected .*, got 'many'$"):
        read_settings({"models": published, "max_body": "many"}, str)


@pytest.mark.skipif(cuda_present(), reason="there is a GPU")
def test_serve_on_cuda_without_a_gpu_is_a_one_line_error(capsys, published: Path) -> None:
    line = one_line(capsys, "serve", "--models", published, "--device", "cuda")
    assert "no usable CUDA device" in line


def test_serve_has_an_option_for_every_setting(capsys) -> None:
    _, out, _ = run(capsys, "serve", "--help")
    said = " ".join(out.split())
    for name, field in Settings.model_fields.items():
        assert f" --{name.replace('_', '-')}" in said
        assert f"Environment: THALAMUS_{name.upper()}. " in said
        assert field.description and field.description in said
        if isinstance(field.default, int | str) and not isinstance(field.default, bool):
            default = "none" if field.default == "" else field.default
            assert f"THALAMUS_{name.upper()}. Default: {default}." in said.replace(
                "One of: auto, cpu, cuda, tensorrt. ", ""
            )


def test_serve_shows_every_option_but_that_of_the_log_in_its_group(capsys) -> None:
    _, out, _ = run(capsys, "serve", "--help")
    others = set(re.findall(r"--[a-z-]+", out.partition("Other settings")[2]))
    assert others == {"--log-requests", "--no-log-requests"}


def test_serve_receives_the_registry_of_the_program(monkeypatch, tmp_path: Path) -> None:
    """`main` passes its registry to the composition root, which serves all its tasks."""
    served: list = []
    monkeypatch.setattr("app.process.serve.serve", lambda settings, create: served.append(create))
    assert main(["serve", "--models", str(tmp_path)], lambda: SHIPPED) == 0
    assert served[0].keywords == {
        "tasks": SHIPPED.tasks,
        "modalities": SHIPPED.modalities,
        "give_up": give_up,
    }


def test_serve_with_a_bad_keys_file_is_a_one_line_error(
    capsys, published: Path, tmp_path: Path
) -> None:
    path = tmp_path / "keys.jsonl"
    given = ("serve", "--models", published, "--port", 0, "--keys-file", path)
    assert f"keys file {path}: No such file or directory" in one_line(capsys, *given)
    path.write_text('{"name": "thal_secret"}\n')
    line = one_line(capsys, *given)
    assert f"keys file {path}: line 1: sha256: expected" in line
    assert "thal_secret" not in line
