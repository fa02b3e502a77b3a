"""The messages between the supervisor and a worker, over a pair of connected Unix sockets.

The supervisor sends one byte at a time: `CONNECTION`, with the file descriptor of one, and
`ALL_READY`. When it has no more to send it shuts its direction down: the worker answers what it has
received, and ends. The death of the supervisor looks the same.

A worker sends a `Report` at once when a connection closes or its own state changes, and as its
heartbeat in any case. Each says everything anew, so the next makes good for one that was lost
because the channel was full.
"""

import struct
from typing import NamedTuple

CONNECTION, ALL_READY = b"c", b"a"
_FORM = struct.Struct("=??III")
_WRAP = 2**32


class Report(NamedTuple):
    """The state of a worker.

    ready: it has loaded its models. draining: it was asked to end, by SIGTERM. received: the
    connections that have arrived through the channel, modulo 2³². open: those not closed yet.
    failed: the versions of models that are published and that it could not load.
    """

    ready: bool = False
    draining: bool = False
    received: int = 0
    open: int = 0
    failed: int = 0

    def pack(self) -> bytes:
        """Return the report as `REPORT_SIZE` bytes, few enough to be sent whole or not at all."""
        received = self.received % _WRAP
        return _FORM.pack(self.ready, self.draining, received, self.open, self.failed)

    def connections(self, sent: int) -> int:
        """Return the open connections and those on their way, of `sent` in all."""
        return self.open + (sent - self.received) % _WRAP


REPORT_SIZE = _FORM.size


def latest_report(received: bytes) -> Report:
    """Return the last of several reports; only whole ones were sent."""
    return Report(*_FORM.unpack(received[-REPORT_SIZE:]))
