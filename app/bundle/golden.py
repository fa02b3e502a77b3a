"""Golden cases: payloads as clients send them, with the answers that were published."""

from app.bundle.manifest import Manifest
from app.bundle.tensors import Frozen


class GoldenCase(Frozen):
    """A payload as a client sends it; each task has a subclass, which adds the published answer."""

    file: str
    media_type: str
    note: str = ""

    def contradiction(self, manifest: Manifest) -> str | None:
        """Return why no model with this manifest could give the answer; None if one could."""
        return None
