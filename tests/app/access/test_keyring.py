"""The keys in force: those of the file, as it was when it was last good."""

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from app.access import Keyring
from app.errors import InvalidKeys
from app.shared_bytes import SharedBytes


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


def write(path: Path, *keys: str) -> None:
    """Write a file with these keys, each of which is its own name."""
    lines = (
        {"name": key, "sha256": sha256(key.encode()).hexdigest(), "scopes": ["predict"]}
        for key in keys
    )
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def found(keyring: Keyring, *keys: str) -> list[str]:
    return [key for key in keys if keyring.find(key.encode()) is not None]


def test_a_key_is_found_by_the_whole_of_it(path: Path) -> None:
    write(path, "thal_a", "thal_b")
    keyring = Keyring(path, SharedBytes())
    assert [keyring.find(key).name for key in (b"thal_a", b"thal_b")] == ["thal_a", "thal_b"]
    digest = sha256(b"thal_a").hexdigest().encode()
    for other in (b"", b"thal_", b"thal_a ", b"THAL_A", b"thal_a\0", digest, b"\xff" * 256):
        assert keyring.find(other) is None


def test_a_change_takes_effect_at_the_next_look(path: Path, log: list[dict]) -> None:
    write(path, "a", "b")
    keyring = Keyring(path, SharedBytes())
    write(path, "b", "c")
    keyring.look()
    keyring.look()
    assert found(keyring, "a", "b", "c") == ["b", "c"]
    write(path)
    keyring.look()
    assert found(keyring, "a", "b", "c") == []
    assert [(line["event"], line["keys"]) for line in log] == [
        ("keys read", 2),
        ("keys read", 2),
        ("keys read", 0),
    ]


def test_a_change_of_the_same_size_in_the_same_moment_is_noticed(path: Path) -> None:
    write(path, "a")
    status = path.stat()
    keyring = Keyring(path, SharedBytes())
    write(path, "b")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    keyring.look()
    assert found(keyring, "a", "b") == ["b"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.unlink(),
        lambda path: path.write_text('{"name": "c", "sha'),
        lambda path: path.write_bytes(bytes(2**20)),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
    ],
    ids=["gone", "half", "enormous", "folder", "link"],
)
def test_a_bad_file_leaves_the_last_good_keys_and_is_said_once(
    path: Path, log: list[dict], spoil
) -> None:
    write(path, "a")
    shared = SharedBytes()
    keyring = Keyring(path, shared)
    spoil(path)
    for _ in range(3):
        keyring.look()
    assert found(keyring, "a", "c") == ["a"]
    assert keyring.error
    assert [(line["level"], line.get("reason")) for line in log[1:]] == [("error", keyring.error)]
    assert found(Keyring(path, shared), "a", "c") == ["a"], "another worker has them too"
    with pytest.raises(InvalidKeys):
        Keyring(path, SharedBytes())
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    write(path, "a", "c")
    keyring.look()
    assert (found(keyring, "a", "c"), keyring.error) == (["a", "c"], "")
    assert log[-1]["event"] == "keys file can be used again"


def test_a_new_worker_gets_no_key_back_that_was_removed(path: Path) -> None:
    write(path, "a", "b")
    shared = SharedBytes(2)
    keyring = Keyring(path, shared)
    write(path, "b")
    keyring.look()
    path.unlink()
    keyring.look()
    shared.join(1)
    assert found(Keyring(path, shared), "a", "b") == ["b"]
