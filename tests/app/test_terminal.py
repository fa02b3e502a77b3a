"""Nothing that a file or a bundle says reaches the terminal as a command to it, or as a line."""

import json
from pathlib import Path

import pytest

from app.bundle import publish
from app.bundle.files import CASES
from app.bundle.manifest import Measurement
from app.bundle.publish import seal
from app.registry import SHIPPED
from app.terminal import printable
from tests import fakes, media
from tests.app.commands import run

HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b2K\x7f\u202eevil\nok\tcolours/1\t2 golden cases"


def odd(text: str) -> set[str]:
    return {character for character in text if not character.isprintable()} - {"\n", "\t"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("größe 日本 🎉", "größe 日本 🎉"),
        ("a\x1b[2Jb", r"a\u001b[2Jb"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x9b\x7f\u202e\ud800", r"\u009b\u007f\u202e\ud800"),
        ("\U000e0041", r"\udb40\udc41"),
    ],
)
def test_what_is_not_printable_is_shown_as_json_would(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_names_of_files_are_no_commands_and_no_lines(capsys, models: Path) -> None:
    (models / HOSTILE.replace("/", "_")).mkdir()
    (models / "moods" / "1" / HOSTILE.replace("/", "_")).write_bytes(b"")
    status, out, err = run(capsys, "verify", models, "--device", "cpu")
    assert status == 1
    assert odd(out + err) == set()
    assert [line for line in out.splitlines() if line.startswith("ok\t")] == [
        line for line in out.splitlines() if line.endswith("CPUExecutionProvider")
    ]


def test_what_a_manifest_says_is_no_command(capsys, tmp_path: Path) -> None:
    bundle = fakes.image_bundle()
    metric = Measurement(name=HOSTILE, value=1, split="test", samples=1)
    labels = (HOSTILE, *bundle.manifest.labels[1:])
    manifest = bundle.manifest.model_copy(update={"metrics": (metric,), "labels": labels})
    before, after = (json.dumps(each).encode() for each in (bundle.manifest.labels[0], HOSTILE))
    cases = bundle.files[CASES].replace(before, after)
    publish(seal(manifest, {**bundle.files, CASES: cases}, SHIPPED), tmp_path)
    _, out, _ = run(capsys, "models", tmp_path)
    assert odd(out) == set()
    assert len(out.splitlines()) == 1
    picture = tmp_path / "picture.png"
    picture.write_bytes(media.picture())
    _, out, _ = run(capsys, "predict", tmp_path / "colours", picture)
    assert odd(out) == set()
    assert HOSTILE in {each["label"] for each in json.loads(out)["top"]}


def test_an_error_is_no_command(capsys, tmp_path: Path) -> None:
    status, out, err = run(capsys, "verify", tmp_path / HOSTILE.replace("/", "_"))
    assert (status, out, odd(err)) == (2, "", set())
    assert err.count("\n") == 1
