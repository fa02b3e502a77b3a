"""`thalamus models`: what it lists and shows, what its commands change, what they refuse."""

import json
import os
from pathlib import Path

import pytest

from app.bundle import publish
from app.bundle.serving_rule import SERVING_FILE, ServingRule, read_rule, write_rule
from tests import fakes
from tests.app.commands import one_line, run

COMMANDS = ("show", "pin", "unpin", "rollback", "hold", "release")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Three versions of `mine`, and one of `moods`."""
    return fakes.publish_three_versions(tmp_path / "models")


def said(capsys, models: Path, *words: object) -> list[str]:
    """Return the lines of a command that succeeds, without the option for the folder in them."""
    status, out, err = run(capsys, "models", *words, "--models", models)
    assert (status, err) == (0, "")
    return out.replace(f" --models {models}", "").splitlines()


def refused(capsys, models: Path, *words: object) -> str:
    return one_line(capsys, "models", *words, "--models", models).removeprefix("thalamus: ").strip()


def test_models_are_listed(capsys, published: Path) -> None:
    status, out, _ = run(capsys, "models", published)
    assert status == 0
    assert [line.split("\t")[:2] for line in out.splitlines()] == [
        ["colours/1", "image"],
        ["moods/1", "text"],
        ["sounds/1", "audio"],
    ]


def test_the_list_says_what_serves_and_what_is_held(capsys, models: Path) -> None:
    write_rule(models / "mine", ServingRule(held=(3,)))

    def marks(folder: Path) -> dict[str, str]:
        status, out, err = run(capsys, "models", folder)
        assert (status, err) == (0, "")
        return {line.split("\t")[0]: line.split("\t")[3] for line in out.splitlines()}

    expected = {"mine/1": "", "mine/2": "serves", "mine/3": "held"}
    assert marks(models) == expected | {"moods/1": "serves"}
    assert marks(models / "mine") == expected
    assert marks(models / "mine" / "3") == {"mine/3": "held"}


def test_the_list_says_that_a_rule_cannot_be_read(capsys, models: Path) -> None:
    (models / "mine" / SERVING_FILE).write_text("{")
    status, out, err = run(capsys, "models", models)
    assert (status, out.count("serves")) == (0, 1)
    assert (
        err.startswith("thalamus: mine: mine/serving.json: Invalid JSON") and err.count("\n") == 1
    )


def test_pin_and_unpin_say_what_serves_and_how_to_undo_it(capsys, models: Path) -> None:
    assert said(capsys, models, "pin", "mine", 1) == [
        "mine: version 1 serves, pinned; version 3 served before",
        "undo: thalamus models unpin mine",
    ]
    assert said(capsys, models, "pin", "mine", 1) == ["mine: version 1 serves, pinned, as before"]
    assert said(capsys, models, "unpin", "mine") == [
        "mine: version 3 serves; version 1 served before",
        "undo: thalamus models pin mine 1",
    ]
    assert "no version is pinned" in refused(capsys, models, "unpin", "mine")


def test_a_rollback_says_how_to_undo_it_and_what_then_serves(capsys, models: Path) -> None:
    assert said(capsys, models, "rollback", "mine") == [
        "mine: version 2 serves, pinned; version 3 served before",
        "undo: thalamus models unpin mine",
        "then version 3 serves, unless it is held first: thalamus models hold mine 3",
    ]
    assert said(capsys, models, "rollback", "mine") == [
        "mine: version 1 serves, pinned; version 2 served before",
        "undo: thalamus models pin mine 2",
        "after thalamus models unpin mine version 3 serves, unless it is held first: "
        "thalamus models hold mine 3",
    ]
    assert "nothing to go back to" in refused(capsys, models, "rollback", "mine")
    assert "nothing to go back to" in refused(capsys, models, "rollback", "moods", "--copy")


def test_a_rollback_to_a_copy_publishes_it(capsys, models: Path) -> None:
    assert said(capsys, models, "rollback", "mine", "--copy") == [
        "mine: version 4, a copy of version 2, serves; version 3 served before",
        "undo: thalamus models pin mine 3",
    ]
    status, out, _ = run(capsys, "verify", models / "mine", "--device", "cpu")
    assert (status, out.count("ok\t")) == (0, 4)


def test_a_broken_version_is_no_copy(capsys, models: Path) -> None:
    (models / "mine" / "2" / "model.onnx").write_bytes(b"")
    line = refused(capsys, models, "rollback", "mine", "--copy")
    assert line.startswith("version 2 cannot be copied: mine/2: model.onnx was altered")


def test_hold_and_release_say_what_serves(capsys, models: Path) -> None:
    assert said(capsys, models, "hold", "mine", 3, "--reason", "worse on 4") == [
        "mine: version 3 is held; version 2 serves; version 3 served before",
        "undo: thalamus models release mine 3",
    ]
    assert refused(capsys, models, "pin", "mine", 3) == (
        "version 3 is held (worse on 4); release it first"
    )
    assert said(capsys, models, "release", "mine", 3) == [
        "mine: version 3 is released; version 3 serves; version 2 served before",
        "undo: thalamus models hold mine 3",
    ]
    assert "version 3 is not held" in refused(capsys, models, "release", "mine", 3)
    assert "reason: expected" in refused(capsys, models, "hold", "mine", 3, "--reason", "a\nb")


def test_show_is_a_table_or_json(capsys, models: Path) -> None:
    rule = ServingRule(policy="pinned", version=1, held=(2, 3), reasons={3: "worse\u009b31m"})
    write_rule(models / "mine", rule)
    os.utime(models / "mine" / SERVING_FILE, (0, 2_000_000_000))
    assert said(capsys, models, "show", "mine") == [
        "model      mine",
        "serves     version 1",
        "policy     pin 1",
        "held       2, 3 (worse\\u009b31m)",
        "published  1, 2, 3",
        "loaded     2 versions, the serving one included",
        "changed    2033-05-18 03:33:20 UTC",
    ]
    assert json.loads("".join(said(capsys, models, "show", "mine", "--json"))) == {
        "model": "mine",
        "published": [1, 2, 3],
        "version": 1,
        "policy": "pinned",
        "pinned": 1,
        "keep": 2,
        "held": [{"version": 2, "reason": None}, {"version": 3, "reason": "worse\u009b31m"}],
        "changed": "2033-05-18T03:33:20Z",
        "problem": None,
    }
    assert "changed    never" in said(capsys, models, "show", "moods")


def test_show_says_what_is_wrong_with_a_rule(capsys, models: Path) -> None:
    write_rule(models / "mine", ServingRule(policy="pinned", version=9))
    status, out, err = run(capsys, "models", "show", "mine", "--models", models)
    assert (status, err) == (1, "")
    assert "serves     none\n" in out
    assert "problem    version 9 is pinned, but not published\n" in out
    (models / "mine" / SERVING_FILE).write_text('{"policy": "pinned"')
    status, out, err = run(capsys, "models", "show", "mine", "--models", models)
    assert (status, err) == (1, "")
    assert "problem    mine/serving.json: Invalid JSON" in out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("pin", "mine", "4"), "version 4 is not published; published are: 1, 2, 3"),
        (("pin", "mine", "0"), "VERSION: expected a whole number from 1 to"),
        (("pin", "mine", "9" * 30), "VERSION: expected a whole number from 1 to"),
        (("pin", "mine"), "VERSION is missing; see thalamus models pin --help"),
        (("pin", "mien", "1"), "it has no model 'mien' (did you mean mine?)"),
        (("show", "models/mine"), "expected lower-case letters, digits and hyphens"),
        (("show", "../models"), "expected lower-case letters, digits and hyphens"),
        (("hold", "moods", "1"), "without version 1 nothing would serve"),
        (("unpin", "mine", "--key-file", "key"), "--key-file is for --server"),
        (("unpin", "mine", "--server", "http://x"), "expected --models or --server, got both"),
    ],
)
def test_a_mistake_is_one_line(capsys, models: Path, words, complaint: str) -> None:
    assert complaint in refused(capsys, models, *words)
    assert not (models / "mine" / SERVING_FILE).exists()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("rolback", "mine"), "unknown command 'rolback' (did you mean rollback?)"),
        (("rolback",), "rolback: no such folder (did you mean rollback?)"),
        (("nowhere",), "nowhere: no such folder"),
        (("show", "mine", "--models", "nowhere"), "no such folder; name it with --models"),
    ],
)
def test_a_misspelt_command_is_one_line(capsys, words, complaint: str) -> None:
    assert complaint in one_line(capsys, "models", *words)


@pytest.mark.parametrize("command", [*COMMANDS[1:], "rollback --copy"])
def test_a_broken_rule_is_not_repaired(capsys, models: Path, command: str) -> None:
    path = models / "mine" / SERVING_FILE
    path.write_text('{"policy": "newest"}')
    verb, *more = command.split()
    version = [1] if verb in ("pin", "hold", "release") else []
    line = refused(capsys, models, verb, "mine", *version, *more)
    assert line.startswith("mine/serving.json: policy: ")
    assert line.endswith("nothing was changed: correct that file, or delete it, first")
    assert path.read_text() == '{"policy": "newest"}'


def test_a_folder_that_cannot_be_written_to_is_one_line(
    capsys, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(os, "fsync", refuse)
    for words in (("pin", "mine", 1), ("rollback", "mine", "--copy")):
        line = refused(capsys, models, *words)
        assert (
            line.startswith("cannot write ") and "Read-only file system; make it writable" in line
        )
    assert sorted(path.name for path in (models / "mine").iterdir()) == ["1", "2", "3"]


def test_a_model_with_the_name_of_a_command_is_written_with_its_path(
    capsys, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(fakes.image_bundle("pin"), models)
    monkeypatch.chdir(models)
    assert run(capsys, "models", "./pin")[1] == "pin/1\timage\t\tserves\n"
    assert "NAME is missing" in one_line(capsys, "models", "pin")
    assert read_rule(models / "pin") == ServingRule()
    assert said(capsys, models, "show", "pin")[0] == "model      pin"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_plain_text_with_an_example(capsys, command: str) -> None:
    status, out, err = run(capsys, "models", command, "--help")
    assert (status, err) == (0, "")
    assert out.startswith(f"Usage: thalamus models {command} [OPTIONS] NAME")
    assert f"Example: thalamus models {command} " in out
    assert out.isascii() and max(map(len, out.splitlines())) <= 100
