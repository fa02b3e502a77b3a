"""Who can reach the service: without keys, only who is on this machine.

A service that wants no key answers everybody who reaches it. So it starts on an address that other
machines may reach only if the operator has said that this is meant.
"""

import socket
from collections.abc import Callable, Iterable
from ipaddress import IPv6Address, ip_address

from app.errors import OperatorError

Resolve = Callable[[str], Iterable[str]]


def addresses_of(host: str) -> list[str]:
    """Return every address of a host, which is a name or an address; raise `OperatorError`."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # of Python's own, for labels that no name may have
        raise OperatorError(f"cannot listen on {host}: it is no host name") from error
    except OSError as error:
        raise OperatorError(f"cannot listen on {host}: {error.strerror}") from error
    return [str(address[0]) for *_, address in found]


def check_exposure(host: str, *, meant: bool, resolve: Resolve = addresses_of) -> None:
    """Raise `OperatorError` if other machines may reach `host`, and it is not meant.

    meant: whether requests need a key, or the operator lets everybody ask. resolve: gives the
    addresses of a host; each must be one of loopback, because any of them may be chosen.
    """
    if meant or all(map(_is_loopback, resolve(host))):
        return
    raise OperatorError(
        f"other machines may reach {host}, and no request needs a key: choose a file of keys "
        "(THALAMUS_KEYS_FILE; `thalamus keys add NAME` makes one), or let everybody ask "
        "(THALAMUS_ALLOW_ANONYMOUS=true)"
    )


def _is_loopback(text: str) -> bool:
    """Return whether only this machine can reach an address: 127.0.0.0/8 or ::1."""
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped  # the socket then takes IPv4
    return address.is_loopback
