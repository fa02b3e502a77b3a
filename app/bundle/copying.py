"""Publishing the content of a version again, under another number.

A manifest names its version, so a copy has a manifest of its own: with another number, and with a
note in the description. The digests in it, and all other files, are those of the original.
"""

import re
from dataclasses import replace
from pathlib import Path

from app.bundle.files import read_bundle
from app.bundle.publish import publish
from app.bundle.registry import Registry

_NOTE = re.compile(r" \(A copy of version \d+\.\)\Z")


def publish_copy(folder: Path, version: int, number: int, registry: Registry) -> Path:
    """Publish what `version` of the model in `folder` holds as version `number`; return its folder.

    Raises `InvalidBundle` if the version is altered or `number` exists, and `NotWritten`.
    """
    original = read_bundle(folder / str(version), registry)
    description = _NOTE.sub("", original.manifest.description)
    noted = {"version": number, "description": f"{description} (A copy of version {version}.)"}
    copy = replace(original, manifest=original.manifest.model_copy(update=noted))
    return publish(copy, folder.parent)
