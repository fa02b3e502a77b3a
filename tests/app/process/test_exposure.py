"""A service that wants no key starts only where other machines cannot reach it.

192.0.2.1 is an address of documentation, which no machine has: nothing is ever open to others here.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import OperatorError
from app.process.exposure import check_exposure

OTHER = "192.0.2.1"
REFUSED = f"cannot listen on {OTHER}, port "


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.200.1.2", "127.1", "2130706433", "localhost", "::1", "0:0::1"]
)
def test_this_machine_needs_no_key(host: str) -> None:
    check_exposure(host, meant=False)


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "0", "::", OTHER, "10.0.0.1", "2001:db8::1", "::ffff:10.0.0.1", "128.0.0.1"],
)
def test_other_machines_are_a_reason_not_to_start(host: str) -> None:
    with pytest.raises(OperatorError, match=f"^other machines may reach {host}, and no") as error:
        check_exposure(host, meant=False)
    assert "THALAMUS_KEYS_FILE" in str(error.value)
    assert "THALAMUS_ALLOW_ANONYMOUS=true" in str(error.value)
    check_exposure(host, meant=True)


@pytest.mark.parametrize(
    ("addresses", "safe"),
    [
        (["127.0.0.1"], True),
        (["127.0.0.1", "::1"], True),
        (["127.0.0.1", OTHER], False),
        (["::1", "2001:db8::1"], False),
        (["fe80::1%lo"], False),
    ],
)
def test_every_address_of_a_name_must_be_of_this_machine(addresses: list[str], safe: bool) -> None:
    if safe:
        check_exposure("name", meant=False, resolve=lambda _: addresses)
        return
    with pytest.raises(OperatorError, match=r"^other machines may reach name, "):
        check_exposure("name", meant=False, resolve=lambda _: addresses)


@pytest.mark.parametrize(
    "host", ["no host", "a..b", "b" * 70, "user@127.0.0.1", "127.0.0.1:80", "[::1]", "<broadcast>"]
)
def test_what_is_no_host_is_not_taken_for_this_machine(host: str) -> None:
    with pytest.raises(OperatorError, match=r"^cannot listen on ") as error:
        check_exposure(host, meant=False)
    assert "\n" not in str(error.value)


def start(models: Path, *options: str, **settings: str) -> subprocess.CompletedProcess:
    """Run `thalamus serve`, which must end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "app.cli", "serve", *options],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ
        | {"THALAMUS_MODELS": str(models), "THALAMUS_PORT": "0"}
        | {f"THALAMUS_{name.upper()}": value for name, value in settings.items()},
    )


@pytest.mark.slow
@pytest.mark.parametrize("host", ["0.0.0.0", "::", OTHER])
def test_the_service_refuses_to_start_in_one_line(published: Path, host: str) -> None:
    for refused in (start(published, host=host), start(published, "--host", host)):
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.count("\n") == 1
        assert refused.stderr.startswith(f"thalamus: other machines may reach {host}, ")


@pytest.mark.slow
def test_an_empty_address_is_refused_whoever_may_ask(published: Path) -> None:
    for refused in (
        start(published, host=""),
        start(published, "--host", ""),
        start(published, host="", allow_anonymous="true"),
    ):
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert "expected an address or a host name, such as 127.0.0.1, got ''" in refused.stderr


@pytest.mark.slow
def test_keys_or_the_operators_word_are_enough(published: Path, tmp_path: Path) -> None:
    """It then fails for the only reason that this address cannot be listened on."""
    keys = tmp_path / "keys.jsonl"
    keys.touch(mode=0o600)
    for started in (
        start(published, host=OTHER, allow_anonymous="true"),
        start(published, "--allow-anonymous", host=OTHER),
        start(published, host=OTHER, keys_file=str(keys)),
    ):
        assert (started.returncode, started.stderr.count("\n")) == (2, 1)
        assert started.stderr.startswith(f"thalamus: {REFUSED}")


@pytest.mark.slow
def test_the_refused_service_has_not_listened(published: Path) -> None:
    """Not even for a moment: it refuses before it finds that the port is taken."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert "other machines" in start(published, "--port", port, host="0.0.0.0").stderr
