"""Golden cases: payloads as clients send them; each task adds what was published as the answer."""

from app.bundle.manifest import Manifest
from app.bundle.tensors import Frozen


class GoldenCase(Frozen):
    """A payload as a client would send it; a task's subclass holds the published answer."""

    file: str
    media_type: str
    note: str = ""

    def contradiction(self, manifest: Manifest) -> str | None:
        """Say what no model with this manifest could answer; None: nothing."""
        return None
