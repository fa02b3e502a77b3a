"""`thalamus keys`: the file of API keys, and mistakes."""

import json
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from app.access.keys_file import read_keys
from tests.app.commands import one_line, run


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "keys.jsonl"
    monkeypatch.setenv("THALAMUS_KEYS_FILE", str(found))
    return found


def test_a_key_is_shown_once_and_the_file_has_its_digest(capsys, path: Path) -> None:
    scopes = ("--scope", "predict", "--scope", "admin")
    status, out, err = run(capsys, "keys", "add", "ci", *scopes, "--quota", "600/min")
    assert (status, err) == (0, "")
    assert re.fullmatch(r"thal_[\w-]{43}\n", out)
    [line] = path.read_text().splitlines()
    assert json.loads(line) == {
        "name": "ci",
        "sha256": sha256(out.strip().encode()).hexdigest(),
        "scopes": ["predict", "admin"],
        "quota": "600/min",
    }
    assert path.stat().st_mode & 0o777 == 0o600
    other = run(capsys, "keys", "add", "other")[1]
    assert other != out
    assert [str(scope) for scope in read_keys(path)[1].scopes] == ["predict"]


def test_the_list_has_no_digest(capsys, path: Path) -> None:
    run(capsys, "keys", "add", "ci", "--scope", "admin", "--scope", "admin", "--quota", "5/day")
    run(capsys, "keys", "add", "Prüfstand 7")
    assert run(capsys, "keys", "list") == (
        0,
        "ci\tadmin\t5/day\nPrüfstand 7\tpredict\tno quota\n",
        "",
    )
    assert run(capsys, "keys", "remove", "ci") == (0, "", "")
    assert run(capsys, "keys", "list")[1] == "Prüfstand 7\tpredict\tno quota\n"
    assert run(capsys, "keys", "remove", "Prüfstand 7")[0] == 0
    assert run(capsys, "keys", "list") == (0, "", "")
    assert path.read_bytes() == b""


def test_an_option_overrides_the_environment(capsys, path: Path, tmp_path: Path) -> None:
    run(capsys, "keys", "add", "ci", "--keys-file", tmp_path / "other")
    assert not path.exists()
    assert run(capsys, "keys", "list", "--keys-file", tmp_path / "other")[1].startswith("ci\t")


@pytest.mark.parametrize(
    ("arguments", "advice"),
    [
        ((), "a COMMAND is needed; see thalamus keys --help"),
        (("ad",), "'ad'"),
        (("add",), "NAME is missing; see thalamus keys add --help"),
        (("add", "ci"), "there is a key 'ci' already"),
        (("add", ""), "name: expected 1 to 64 characters"),
        (("add", "a\nb"), "name: expected characters that can be printed"),
        (("add", "\u202eb"), "name: expected characters that can be printed"),
        (("add", "n" * 65), "name: expected 1 to 64 characters"),
        (("add", "b", "--scope", "root"), "--scope: expected one of predict, admin, got 'root'"),
        (("add", "b", "--quota", "600"), "quota: expected a number from 1 to 9999999 and one of"),
        (("add", "b", "--quota", "0/s"), "such as 600/min"),
        (("add", "b", "--keys-file", "/nowhere/keys"), "No such file or directory"),
        (("add", "b", "--keys-file", "/"), "expected a regular file"),
        (("remove", "cii"), "there is no key 'cii' (did you mean ci?)"),
        (("list", "--keys-file", "/nowhere/keys"), "No such file or directory"),
    ],
)
def test_a_mistake_is_one_line_and_changes_nothing(
    capsys, path: Path, arguments: tuple[str, ...], advice: str
) -> None:
    run(capsys, "keys", "add", "ci")
    before = path.read_bytes()
    assert advice in one_line(capsys, "keys", *arguments)
    assert path.read_bytes() == before


def test_a_command_needs_a_file(capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("", None):
        if value is None:
            monkeypatch.delenv("THALAMUS_KEYS_FILE", raising=False)
        else:
            monkeypatch.setenv("THALAMUS_KEYS_FILE", value)
        line = one_line(capsys, "keys", "list")
        assert "--keys-file PATH, or THALAMUS_KEYS_FILE" in line


def test_a_bad_file_is_left_as_it_is(capsys, path: Path) -> None:
    path.write_text("thal_secret\n")
    for arguments in (("add", "b"), ("remove", "b"), ("list",)):
        line = one_line(capsys, "keys", *arguments)
        assert f"keys file {path}: line 1: expected one JSON object" in line
        assert "secret" not in line
    assert path.read_text() == "thal_secret\n"


@pytest.mark.slow
def test_a_key_that_nobody_has_seen_is_not_added(capsys, path: Path) -> None:
    run(capsys, "keys", "add", "ci")
    command = [sys.executable, "-m", "app.cli", "keys", "add", "lost"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot be printed (No space left on device), so none was added" in done.stderr
    assert [key.name for key in read_keys(path)] == ["ci"]
    gone = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    gone.stdout.close()
    assert "(Broken pipe)" in gone.communicate()[1]
    assert gone.returncode == 2
    assert [key.name for key in read_keys(path)] == ["ci"]


@pytest.mark.slow
def test_keys_that_are_added_at_once_are_all_there(path: Path) -> None:
    command = [sys.executable, "-m", "app.cli", "keys", "add"]
    running = [
        subprocess.Popen([*command, f"key{n}"], stdout=subprocess.PIPE, text=True) for n in range(4)
    ]
    keys = {each.communicate()[0].strip() for each in running}
    assert [each.returncode for each in running] == [0] * 4
    assert {key.digest for key in read_keys(path)} == {
        sha256(key.encode()).digest() for key in keys
    }
