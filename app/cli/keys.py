"""`thalamus keys add | list | remove`: the file of API keys."""

import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Group, Parameter

from app.command_line import drop_output, nearest, subprogram
from app.errors import InvalidKeys, NotWritten, ThalamusError

if TYPE_CHECKING:
    from app.access import ApiKey

KEYS_VARIABLE = "THALAMUS_KEYS_FILE"
_PREFIX = "thal_"  # by which scanners and people recognise a key
_KEY_BYTES = 32

Name = Annotated[str, Parameter(help="Name of the key, which the log shows with its requests.")]
File = Annotated[
    Path | None, Parameter(help=f"File of keys. Environment: {KEYS_VARIABLE}.", metavar="PATH")
]


def keys_program(group: Group) -> App:
    """Return the commands on the file of keys. group: in which the help lists them."""
    usage = "thalamus keys COMMAND"
    program = subprogram("keys", "Add, list and remove API keys.", usage, group)
    program.default(_needs_command)
    for command in (add, list_keys, remove):
        name = "list" if command is list_keys else command.__name__
        program.command(command, name=name)
    return program


def add(
    name: Name,
    /,
    *,
    scope: Annotated[
        tuple[Literal["predict", "admin"], ...],
        Parameter(
            help="What it permits; admin: everything. May be repeated.",
            metavar="SCOPE",
            show_default=lambda _: "predict",
        ),
    ] = ("predict",),
    quota: Annotated[
        str | None,
        Parameter(
            help="Requests that it may make in a unit of time (s, min, hour or day), as 600/min. "
            "Default: as many as it likes.",
            metavar="N/UNIT",
        ),
    ] = None,
    keys_file: File = None,
) -> None:
    """Add a key, and print it. It is shown only once: the file has its SHA-256.

    A running service takes it within a second.

    Example: thalamus keys add reports --scope predict --quota 600/min --keys-file keys.jsonl
    """
    from app.access import ApiKey
    from app.access.api_key import check_name, check_quota, check_scopes

    secret = _PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    key = ApiKey(
        check_name(name),
        sha256(secret.encode()).digest(),
        check_scopes(list(dict.fromkeys(scope))),
        None if quota is None else check_quota(quota),
    )
    _add(_path(keys_file), key, secret)


def _add(path: Path, key: "ApiKey", secret: str) -> None:
    """Write the key and print it; undo that where it cannot be printed."""
    from app.access.keys_file import Keys, change_keys

    def with_it(keys: Keys) -> Keys:
        if any(each.name == key.name for each in keys):
            taken = f"{path}: there is a key {key.name!r} already"
            raise InvalidKeys(f"{taken}; remove it, or name another")
        return (*keys, key)

    change_keys(path, with_it)
    try:
        print(secret, flush=True)
    except OSError as error:  # nobody has it
        drop_output()
        change_keys(path, lambda keys: [each for each in keys if each.digest != key.digest])
        raise NotWritten(
            f"the key cannot be printed ({error.strerror}), so none was added"
        ) from None


def list_keys(*, keys_file: File = None) -> None:
    """List the keys: name, scopes, quota.

    Example: thalamus keys list --keys-file keys.jsonl
    """
    from app.access.keys_file import read_keys

    for key in read_keys(_path(keys_file)):
        scopes = " ".join(sorted(key.scopes, reverse=True))
        print(f"{key.name}\t{scopes}\t{key.quota or 'no quota'}")


def remove(name: Name, /, *, keys_file: File = None) -> None:
    """Remove a key. A running service refuses it within a second.

    Example: thalamus keys remove reports --keys-file keys.jsonl
    """
    from app.access.keys_file import Keys, change_keys

    path = _path(keys_file)

    def without_it(keys: Keys) -> Keys:
        names = [each.name for each in keys]
        if name not in names:
            raise InvalidKeys(f"{path}: there is no key {name[:64]!r}{nearest(name, names)}")
        return tuple(each for each in keys if each.name != name)

    change_keys(path, without_it)


def _needs_command() -> None:
    raise ThalamusError("a COMMAND is needed; see thalamus keys --help")


def _path(given: Path | None) -> Path:
    if given is not None:
        return given
    if configured := os.environ.get(KEYS_VARIABLE):
        return Path(configured)
    raise InvalidKeys(f"name the file of keys: --keys-file PATH, or {KEYS_VARIABLE}")
