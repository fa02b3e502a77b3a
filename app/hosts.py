"""Hosts and origins, as header fields and settings write them (RFC 9110, 4.2 and 7.2; RFC 6454).

They are compared as text and never resolved: `2130706433` and `127.0.0.1.evil.com` are names like
any other, and not 127.0.0.1.
"""

import re
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv6Address

_LONGEST = 253  # characters of a name in the DNS
_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")  # `_` is in names of containers
_FIELD = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::[0-9]{0,5})?")
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(\[[^\[\]]*\]|[^:\[\]]*)(?::([1-9][0-9]{0,4}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}
ANY_ORIGIN = "*"


def host_of(field: str) -> str | None:
    """Return the host in the header field Host as it is compared; None if it is no host.

    The port is left out, and so is a trailing dot; letters are small; IPv6 has its shortest form.
    """
    found = _FIELD.fullmatch(field)
    return _compared(found[1]) if found else None


class HostPatterns:
    """Hosts that are allowed: names, addresses, and `*.example.com` for every name below it."""

    def __init__(self, patterns: Iterable[str]) -> None:
        checked = [check_host_pattern(pattern) for pattern in patterns]
        self._hosts = frozenset(checked)
        self._ends = tuple(pattern[1:] for pattern in checked if pattern.startswith("*."))

    def allow(self, field: str) -> bool:
        """Say whether the value of the header field Host is one of them."""
        host = host_of(field)
        return host is not None and (host in self._hosts or host.endswith(self._ends))


def check_host_pattern(text: str) -> str:
    """Return a pattern as it is compared; raise `ValueError` if no host can be like it."""
    name = text.removeprefix("*.")
    bare = name.count(":") > 1 and not name.startswith("[")  # an IPv6 address
    host = _compared(f"[{name}]" if bare else name)
    if host is None or (name != text and host.startswith("[")):
        raise ValueError(
            "expected host names or addresses without a port, such as example.com, "
            "*.example.com or 127.0.0.1; leave it empty to allow any"
        )
    return f"*.{host}" if name != text else host


def check_origin(text: str) -> str:
    """Return an origin, or `ANY_ORIGIN`; raise `ValueError` if no browser writes it so.

    It is compared as a whole, therefore it has small letters, no path, and no default port.
    """
    found = _ORIGIN.fullmatch(text)
    if text != ANY_ORIGIN and (
        found is None
        or _compared(found[2]) != found[2]
        or found[3] == _DEFAULT_PORTS.get(found[1], "0")
    ):
        raise ValueError(
            "expected origins as browsers write them, such as https://example.com or "
            "http://localhost:3000, or * for any"
        )
    return text


def _compared(host: str) -> str | None:
    if host.startswith("["):
        try:
            address = IPv6Address(host.removeprefix("[").removesuffix("]"))
        except AddressValueError:
            return None
        return f"[{address}]" if host.endswith("]") and address.scope_id is None else None
    name = host.removesuffix(".").lower()
    return name if len(name) <= _LONGEST and _NAME.fullmatch(name) else None
