"""The service, but its encoder of texts does what a text says, as a graph may in native code.

Usage: python -m tests.app.process.obedient_service; settings come from the environment. A text with
`crash` ends its process by SIGSEGV, and one with `spin` never ends.
"""

import os
import signal
import sys
from dataclasses import replace

from app.bundle import Registry
from app.cli import main
from app.modalities import MODALITIES
from app.modalities.text import TEXT
from app.modalities.text.encoder import TextEncoder
from app.tasks import TASKS


class Obedient(TextEncoder):
    def encode(self, payload):
        if b"crash" in payload.data:
            os.kill(os.getpid(), signal.SIGSEGV)
        while b"spin" in payload.data:
            pass
        return super().encode(payload)


if __name__ == "__main__":
    registry = Registry(TASKS, {**MODALITIES, "text": replace(TEXT, encoder=Obedient)})
    sys.exit(main(["serve"], lambda: registry))
