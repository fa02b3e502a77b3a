"""The cost of the explanation branch for requests without one.

`python -m benchmarks.explanations [models]` runs each graph with the output `saliency`, in turns
with the same graph without that branch, on the golden cases. The figure is the ratio of the CPU
times of this process. Of each session's runs the 10th percentile counts, because other programs can
only lengthen a run. Of several pairs of sessions the median counts, because two sessions of one
graph differ by up to 2 % by the addresses of their memory.
"""

import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx

from app.batching.collate import collate
from app.bundle import Bundle, read_bundle
from app.bundle.tensors import SALIENCY, Arrays
from app.modalities import Payload, encoder_for
from app.registry import SHIPPED
from app.runtime.session import Session
from training.exporting.optional_outputs import detach_optional

SECONDS, PAIRS, BATCHES = 2.0, 5, (1, 8)


def bare(model: bytes) -> bytes:
    """Return the graph without its explanation branch."""
    proto = onnx.load_from_string(model)
    detach_optional(proto.graph)
    return bytes(proto.SerializeToString())


def ratio(bundle: Bundle, size: int, *, explain: bool = False) -> float:
    """Return the ratio of the CPU times with and without the branch, for batches of that size."""
    encoder = encoder_for(bundle.manifest.encoder, bundle.files)
    items: list[Arrays] = [
        encoder.encode(Payload(bundle.files[f"golden/{case.file}"], case.media_type)).arrays
        for case in bundle.golden
    ]
    feeds = collate([items[i % len(items)] for i in range(size)], bundle.manifest.inputs)
    pairs = [_ratio_of_pair(bundle.model, feeds, explain=explain) for _ in range(PAIRS)]
    return float(np.median(pairs))


def _ratio_of_pair(model: bytes, feeds: Mapping[str, np.ndarray], *, explain: bool) -> float:
    sessions = (Session(model), Session(bare(model)))
    spent: tuple[list[int], list[int]] = ([], [])
    end = time.monotonic() + SECONDS
    while time.monotonic() < end or len(spent[0]) < 20:
        turns = (0, 1) if len(spent[0]) % 2 else (1, 0)
        for turn in turns:
            begun = time.process_time_ns()
            sessions[turn].run(feeds, explain=explain)
            spent[turn].append(time.process_time_ns() - begun)
    whole, without = (float(np.percentile(times, 10)) for times in spent)
    return whole / without


def main(models: Path) -> None:
    """Print a line for every bundle under `models` and every size of batch."""
    for folder in sorted(path.parent for path in models.glob("*/*/manifest.json")):
        bundle = read_bundle(folder, SHIPPED)
        if SALIENCY not in {spec.name for spec in bundle.manifest.outputs}:
            continue
        for size in BATCHES:
            plain, explained = ratio(bundle, size), ratio(bundle, size, explain=True)
            print(
                f"{bundle.manifest.name:14} batch of {size}: without explanation "
                f"{100 * (plain - 1):+.1f} %, with explanation {100 * (explained - 1):+.0f} %",
                flush=True,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
