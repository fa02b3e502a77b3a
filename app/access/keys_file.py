"""The file of API keys: JSON lines, one key in each. Any tool may write it.

It is a regular file of at most `MAX_SIZE` bytes. A link is followed only where it ends in the
folder that it lies in or below, as in a volume that Kubernetes makes of a Secret: so nobody who may
put a link there can have another file read. An error names the line, and never repeats any of it.
A file without a line is valid: nobody may ask.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from app.access.api_key import ApiKey, format_key, parse_key
from app.disk import UnexpectedFile, locked_folder, read_small, replace_private, writing
from app.errors import InvalidKeys
from app.shared_bytes import SHARED_BYTES

MAX_SIZE = SHARED_BYTES  # bytes
MAX_KEYS = 1000
_OTHERWISE = "name another file with --keys-file"

Keys = tuple[ApiKey, ...]


def read_content(path: Path) -> bytes:
    """Return the bytes of the file; never wait for a pipe. Raises `InvalidKeys`."""
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(os.path.realpath(path.parent)):
        raise InvalidKeys(f"keys file {path}: expected a file, got a link out of its folder")
    try:
        return read_small(real, MAX_SIZE, os.O_NOFOLLOW)
    except UnexpectedFile as error:
        raise InvalidKeys(f"keys file {path}: {error}") from error
    except OSError as error:
        raise InvalidKeys(f"keys file {path}: {error.strerror or 'cannot be read'}") from error


def parse_keys(content: bytes, path: Path) -> Keys:
    """Return the keys in the content of the file; raise `InvalidKeys`, which names the line."""
    lines = content.split(b"\n")
    if not lines[-1]:
        lines.pop()
    if len(lines) > MAX_KEYS:
        raise InvalidKeys(f"keys file {path}: expected at most {MAX_KEYS} keys")
    keys: list[ApiKey] = []
    names: dict[str, int] = {}
    digests: dict[bytes, int] = {}
    for number, line in enumerate(lines, 1):
        try:
            key = parse_key(line)
        except InvalidKeys as error:
            raise InvalidKeys(f"keys file {path}: line {number}: {error}") from None
        for what, place in (
            ("name", names.setdefault(key.name, number)),
            ("sha256", digests.setdefault(key.digest, number)),
        ):
            if place != number:
                raise InvalidKeys(
                    f"keys file {path}: line {number}: line {place} has the same {what}"
                )
        keys.append(key)
    return tuple(keys)


def good_content(path: Path) -> bytes:
    """Return the bytes of the file, which can be parsed; raise `InvalidKeys`."""
    content = read_content(path)
    parse_keys(content, path)
    return content


def read_keys(path: Path) -> Keys:
    """Return the keys in the file; raise `InvalidKeys`."""
    return parse_keys(read_content(path), path)


def change_keys(path: Path, change: Callable[[Keys], Iterable[ApiKey]]) -> None:
    """Replace the file by one with other keys, as a whole, while no other command does.

    change: returns the new keys, given those that are there: none where there is no file. Raises
    `InvalidKeys` and `NotWritten`.
    """
    with locked_folder(path.parent, path.name):
        keys = read_keys(path) if os.path.lexists(path) else ()
        content = b"".join(format_key(key) + b"\n" for key in change(keys))
        parse_keys(content, path)  # whatever is written can be read
        if len(content) > MAX_SIZE:
            raise InvalidKeys(f"keys file {path}: expected at most {MAX_SIZE} bytes")
        if path.is_symlink():
            raise InvalidKeys(f"keys file {path}: it is a link; name the file that it leads to")
        with writing(path.name, path.parent, _OTHERWISE):
            replace_private(path, content)
