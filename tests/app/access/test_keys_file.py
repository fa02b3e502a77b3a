"""The file of keys: what is good, and what is refused with one line that repeats nothing of it."""

import json
import os
import threading
from hashlib import sha256
from pathlib import Path

import pytest

from app.access import ApiKey, KeyScope, Quota
from app.access.keys_file import MAX_KEYS, MAX_SIZE, change_keys, read_keys
from app.errors import InvalidKeys, NotWritten, ThalamusError

DIGEST = sha256(b"thal_secret").hexdigest()
GOOD = {"name": "ci", "sha256": DIGEST, "scopes": ["predict"], "quota": "600/min"}


def line(**changed: object) -> str:
    return json.dumps(GOOD | changed)


def refusal(path: Path) -> str:
    with pytest.raises(InvalidKeys) as refused:
        read_keys(path)
    text = str(refused.value)
    assert text.startswith(f"keys file {path}: ")
    assert "\n" not in text and DIGEST not in text and "secret" not in text
    return text.removeprefix(f"keys file {path}: ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.jsonl"


def test_a_file_has_a_key_in_each_line(path: Path) -> None:
    other = {"name": "Prüfstand 7", "sha256": "0" * 64, "scopes": ["admin", "predict"]}
    path.write_text(f"{line()}\r\n{json.dumps(other, ensure_ascii=False)}", "utf-8")
    assert read_keys(path) == (
        ApiKey("ci", bytes.fromhex(DIGEST), frozenset({KeyScope.PREDICT}), Quota(600, "min")),
        ApiKey("Prüfstand 7", bytes(32), frozenset(KeyScope), None),
    )
    assert DIGEST not in repr(read_keys(path))


def test_a_file_without_a_line_permits_nobody(path: Path) -> None:
    path.touch()
    assert read_keys(path) == ()


QUOTAS = [
    *("", "600", "600/minute", "0/min", "-1/s", "1.5/s", "600 / min", "1e3/s", "06/s", 600, []),
    *("10000000/s", "600/min\n", "٣/s", "600/MIN", "unlimited", False),
]
LINES = {
    "half of it": line()[:-9],
    "two in a line": line() + line(name="b", sha256="1" * 64),
    "empty": "",
    "a list": "[]",
    "a text": '"thal_secret"',
    "not JSON": "thal_secret",
    "NUL": "\0",
    "deep": "[" * 100_000,
    "a byte order mark": "\ufeff" + line(),
    "a huge number": '{"name": ' + "9" * 5000 + "}",
    "unknown member": line(key="thal_secret"),
    "digest as a member": json.dumps(GOOD | {DIGEST: 1}),
    "member twice": line()[:-1] + ', "scopes": ["admin"]}',
    "no name": line(name=None),
    "empty name": line(name=""),
    "name of spaces": line(name="  "),
    "number as a name": line(name=5),
    "line break": line(name="ci\nadmin"),
    "carriage return": line(name="ci\r"),
    "line separator": line(name="ci\u2028x"),
    "escape sequence": line(name="ci\x1b[2J"),
    "text direction": line(name="ci\u202e"),
    "surrogate": line(name="\ud800"),
    "long name": line(name="n" * 65),
    "no digest": line(sha256=None),
    "short digest": line(sha256=DIGEST[:-2]),
    "digest with spaces": line(sha256=DIGEST[:-2] + "  "),
    "key as a digest": line(sha256="thal_secret"),
    "digits of another script": line(sha256="٣" * 64),
    "no scopes": line(scopes=None),
    "empty scopes": line(scopes=[]),
    "text as scopes": line(scopes="admin"),
    "unknown scope": line(scopes=["root"]),
    "scope twice": line(scopes=["admin", "admin"]),
    "list as a scope": line(scopes=[["admin"]]),
    "object as scopes": line(scopes={"admin": True}),
    **{f"quota {quota}": line(quota=quota) for quota in QUOTAS},
}


@pytest.mark.parametrize("bad", LINES.values(), ids=LINES)
def test_a_bad_line_is_named_and_not_repeated(path: Path, bad: str) -> None:
    good = line(name="first", sha256="f" * 64)
    path.write_bytes(f"{good}\n{bad}\n".encode("utf-8", "surrogatepass"))
    assert refusal(path).startswith("line 2: ")


def test_bytes_that_are_no_text_are_refused(path: Path) -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-32", "latin-1"):
        path.write_bytes(line(name="Prüfstand").encode(encoding))
        if encoding == "latin-1":
            path.write_bytes(json.dumps(GOOD | {"name": "ü"}, ensure_ascii=False).encode(encoding))
        assert "line 1: expected one JSON object" in refusal(path)


@pytest.mark.parametrize(
    ("changed", "what"), [({"sha256": "0" * 64}, "name"), ({"name": "b"}, "sha256")]
)
def test_what_stands_twice_is_refused(path: Path, changed: dict, what: str) -> None:
    path.write_text(f"{line()}\n{line(name='x', sha256='1' * 64)}\n{line(**changed)}\n")
    assert refusal(path) == f"line 3: line 1 has the same {what}"


def test_a_file_that_is_too_large_is_refused(path: Path) -> None:
    path.write_bytes(b" " * (MAX_SIZE + 1))
    assert refusal(path) == f"expected at most {MAX_SIZE} bytes"
    keys = [f'{{"name":"{n}","sha256":"{n:064x}","scopes":["predict"]}}\n' for n in range(1001)]
    path.write_text("".join(keys[:MAX_KEYS]))
    assert len(read_keys(path)) == MAX_KEYS
    path.write_text("".join(keys))
    assert refusal(path) == f"expected at most {MAX_KEYS} keys"


def test_what_is_no_regular_file_is_refused_without_waiting(path: Path) -> None:
    assert refusal(path) == "No such file or directory"
    os.mkfifo(path)
    assert refusal(path) == "expected a regular file"
    for device in ("/dev/zero", "/dev/null", "/proc/self/mem"):
        with pytest.raises(InvalidKeys, match=r"regular file|error"):
            read_keys(Path(device))
    with pytest.raises(InvalidKeys, match="expected a regular file"):
        read_keys(path.parent)
    with pytest.raises(InvalidKeys, match="expected a regular file"):
        read_keys(Path())


def test_a_link_out_of_its_folder_is_refused(path: Path, tmp_path_factory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "keys.jsonl"
    elsewhere.write_text(line())
    path.symlink_to(elsewhere)
    assert "link out of its folder" in refusal(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    assert "link out of its folder" in refusal(path)
    path.unlink()
    path.symlink_to(path)
    assert "symbolic links" in refusal(path)


def test_the_links_of_a_kubernetes_secret_are_followed(tmp_path: Path) -> None:
    """..data leads to a folder beside it, and is replaced as a whole."""
    for version in ("..1", "..2"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "keys.jsonl").write_text(line(name=f"ci{version}") + "\n")
        (tmp_path / "new").symlink_to(version)
        (tmp_path / "new").replace(tmp_path / "..data")
        if version == "..1":
            (tmp_path / "keys.jsonl").symlink_to("..data/keys.jsonl")
        assert [key.name for key in read_keys(tmp_path / "keys.jsonl")] == [f"ci{version}"]


def added(name: str):
    key = ApiKey(name, sha256(name.encode()).digest(), frozenset({KeyScope.ADMIN}), Quota(5, "s"))
    return lambda keys: (*keys, key)


def test_a_change_writes_what_can_be_read(path: Path) -> None:
    change_keys(path, added("a"))
    change_keys(path, added("b"))
    assert [key.name for key in read_keys(path)] == ["a", "b"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text().splitlines()[0]) == {
        "name": "a",
        "sha256": sha256(b"a").hexdigest(),
        "scopes": ["admin"],
        "quota": "5/s",
    }


def test_changes_at_once_lose_nothing(path: Path) -> None:
    names = [f"key{n}" for n in range(20)]
    threads = [threading.Thread(target=change_keys, args=(path, added(name))) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(key.name for key in read_keys(path)) == sorted(names)


def test_a_change_that_cannot_be_made_changes_nothing(path: Path, tmp_path: Path) -> None:
    change_keys(path, added("a"))
    before = path.read_bytes()
    with pytest.raises(InvalidKeys, match="line 2: line 1 has the same name"):
        change_keys(path, added("a"))
    with pytest.raises(NotWritten, match="No such file or directory"):
        change_keys(tmp_path / "nowhere" / "keys.jsonl", added("a"))
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(InvalidKeys, match="it is a link"):
        change_keys(tmp_path / "link", added("b"))
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    with pytest.raises(ThalamusError):
        change_keys(tmp_path / "dangling", added("b"))
    assert not (tmp_path / "gone").exists()
    assert path.read_bytes() == before
    path.write_text("half")
    with pytest.raises(InvalidKeys, match="line 1"):
        change_keys(path, added("b"))
    assert path.read_text() == "half"
