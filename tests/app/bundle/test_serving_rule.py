"""`serving.json`: what is accepted, what is refused in one line, and how it is changed."""

import json
import os
import threading
from pathlib import Path

import pytest

from app.bundle.serving_rule import SERVING_FILE, ServingRule, locked, read_rule, write_rule
from app.errors import InvalidRule, NotWritten


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    return tmp_path / "mine"


def rule_of(folder: Path, content: str | bytes) -> ServingRule:
    data = content if isinstance(content, bytes) else content.encode()
    (folder / SERVING_FILE).write_bytes(data)
    return read_rule(folder)


def test_without_a_file_the_newest_version_serves_and_two_stay_loaded(folder: Path) -> None:
    assert read_rule(folder) == ServingRule(policy="latest", keep=2, held=())


def test_what_a_file_leaves_out_has_its_default(folder: Path) -> None:
    assert rule_of(folder, "{}") == ServingRule()
    assert rule_of(folder, '{"held": [4]}') == ServingRule(held=(4,))
    whole = '{"policy": "pinned", "version": 3, "keep": 1, "held": [4], "reasons": {"4": "worse"}}'
    assert rule_of(folder, whole) == ServingRule(
        policy="pinned", version=3, keep=1, held=(4,), reasons={4: "worse"}
    )


def test_a_rule_is_written_and_read_back(folder: Path) -> None:
    rule = ServingRule(policy="pinned", version=3, held=(4,), reasons={4: "“worse”", 2: "old"})
    write_rule(folder, rule)
    assert read_rule(folder) == rule.model_copy(update={"reasons": {4: "“worse”"}})
    assert [path.name for path in folder.iterdir()] == [SERVING_FILE]


def test_a_rule_that_could_not_be_read_is_not_written(folder: Path) -> None:
    write_rule(folder, ServingRule(keep=3))
    numbers = range(1, 201)
    rule = ServingRule(held=tuple(numbers), reasons=dict.fromkeys(numbers, "é" * 500))
    with pytest.raises(InvalidRule, match="more than 65536 bytes; release versions"):
        write_rule(folder, rule)
    assert read_rule(folder).keep == 3


def test_a_link_is_followed_and_stays_one(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('{"keep": 3}')
    (folder / SERVING_FILE).symlink_to(tmp_path / "elsewhere")
    assert read_rule(folder).keep == 3
    write_rule(folder, ServingRule(keep=4))
    assert json.loads((tmp_path / "elsewhere").read_text()) == {"keep": 4}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "Invalid JSON: EOF"),
        ('{"policy": "lat', "Invalid JSON: EOF"),
        ("[]", "should be an object"),
        (b"\xff\xfe{}", "Invalid JSON"),
        ("[" * 60_000, "Invalid JSON: recursion limit"),
        ('{"a":' * 12_000, "Invalid JSON: recursion limit"),
        ('{"pin": 3}', "pin: Extra inputs are not permitted"),
        ('{"policy": "newest"}', "policy: Input should be 'latest' or 'pinned'"),
        ('{"policy": "pinned"}', "the policy pinned needs a version"),
        ('{"policy": "pinned", "version": 4, "held": [4]}', "version 4 is pinned and held"),
        ('{"version": "3"}', "version: Input should be a valid integer"),
        ('{"version": 3.5}', "version: Input should be a valid integer"),
        ('{"version": true}', "version: Input should be a valid integer"),
        ('{"version": 0}', "version: Input should be greater than or equal to 1"),
        (f'{{"version": {"9" * 4000}}}', "version: "),
        ('{"keep": 0}', "keep: Input should be greater than or equal to 1"),
        ('{"keep": 1e999}', "keep: "),
        ('{"held": [4, 4]}', "a version is held twice"),
        ('{"held": {"4": true}}', "held: Input should be a valid"),
        ('{"held": [1], "held": [2]}', "a member stands twice"),
        ('{"reasons": {"4": "one\\nline"}}', "reasons.4: String should match pattern"),
        (b'{"reasons": {"4": "\\ud800"}}', "Invalid JSON"),
        ("{" + " " * 70_000 + "}", "expected at most 65536 bytes"),
    ],
)
def test_a_bad_file_is_one_clear_line(folder: Path, content: str | bytes, why: str) -> None:
    with pytest.raises(InvalidRule) as caught:
        rule_of(folder, content)
    message = str(caught.value)
    assert message.startswith(f"mine/{SERVING_FILE}: ") and why in message
    assert "\n" not in message and len(message) < 300


def test_what_is_no_regular_file_is_refused_and_never_waited_for(folder: Path) -> None:
    path = folder / SERVING_FILE
    path.mkdir()
    with pytest.raises(InvalidRule, match="expected a regular file"):
        read_rule(folder)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(InvalidRule, match="expected a regular file"):
        read_rule(folder)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(InvalidRule, match="expected a regular file"):
        read_rule(folder)
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(InvalidRule, match="cannot be read"):
        read_rule(folder)
    path.unlink()
    path.symlink_to(folder / "nowhere")
    with pytest.raises(InvalidRule, match="cannot be read"):
        read_rule(folder)


def test_a_change_waits_for_another_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.disk._LOCK_SECONDS", 0.1)
    with locked(folder), pytest.raises(NotWritten, match="another command"), locked(folder):
        pass
    monkeypatch.undo()
    waits = threading.Event()
    done: list[str] = []

    def change() -> None:
        waits.set()
        with locked(folder):
            done.append("second")

    with locked(folder):
        thread = threading.Thread(target=change)
        thread.start()
        waits.wait()
        done.append("first")
    thread.join()
    assert done == ["first", "second"]


def test_a_model_that_is_not_there_cannot_be_changed(tmp_path: Path) -> None:
    with pytest.raises(NotWritten, match="No such file"), locked(tmp_path / "nowhere"):
        pass
