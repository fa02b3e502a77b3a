"""The check of a bundle on every node, before any of them answers with it.

A node must have the version at the same path as here: on storage that all nodes see, or as a copy
of its own. Every file is hashed, the manifest must be the one that was read here, and the golden
cases are replayed, because another processor may answer differently.
"""

import time
from pathlib import Path
from statistics import median

from app.bundle import Registry, read_bundle
from app.bundle.files import manifest_digest
from app.cluster.connection import Cluster
from app.errors import GoldenMismatch, InvalidBundle
from app.pipeline import Pipeline, replay
from app.runtime.providers import Device


def verify_on_each_node(
    cluster: Cluster, folder: Path, registry: Registry, device: Device
) -> float:
    """Return the seconds that an item takes there; raise `ClusterError` that names the node.

    folder: of the version, absolute.
    """
    digest = manifest_digest(folder)
    found = cluster.on_each_node(verify_here, folder, digest, registry, device)
    return median(seconds for _, seconds in found)


def verify_here(folder: Path, digest: str, registry: Registry, device: Device) -> float:
    """Verify a version on this machine; return the seconds that an item takes.

    Raises `OperatorError` where a file is missing, altered or of another version, and where the
    golden cases are answered differently.
    """
    name = f"{folder.parent.name}/{folder.name}"
    if manifest_digest(folder) != digest:
        raise InvalidBundle(f"{name}: it is another content than where the command runs")
    bundle = read_bundle(folder, registry, digest)
    pipeline = Pipeline(bundle, device)
    try:
        differences = replay(bundle, pipeline)  # the first answers are slow
        if differences:
            raise GoldenMismatch(f"{name}: {differences[0]}")
        start = time.perf_counter()
        replay(bundle, pipeline)
        return (time.perf_counter() - start) / (2 * len(bundle.golden))
    finally:
        pipeline.close()
