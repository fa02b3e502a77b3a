"""What explanations cost those who do not ask: `python -m benchmarks.explanations [models]`.

Each bundle's graph that tells saliency runs against the same graph cut down to its probabilities,
in turns, on the golden cases. The figure is the ratio of the CPU times of this process; of each
graph's runs it takes the lowest tenth's bound, for other programs only ever add to a run.
"""

import sys
import time
from pathlib import Path

import numpy as np
import onnx

from app.bundle import Bundle, read_bundle
from app.engine.collate import Arrays, collate
from app.engine.session import Session
from app.inputs import Payload, encoder_for
from app.outputs import SALIENCY

SECONDS, BATCHES = 5.0, (1, 8)


def bare(model: bytes) -> bytes:
    """Return the graph without what only its other outputs need."""
    proto = onnx.load_from_string(model)
    graph = proto.graph
    del graph.output[1:]
    wanted, kept = {graph.output[0].name}, []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    needed = [value for value in graph.initializer if value.name in wanted]
    del graph.initializer[:]
    graph.initializer.extend(needed)
    inputs = [value for value in graph.input if value.name != "explain"]
    del graph.input[:]
    graph.input.extend(inputs)
    return bytes(proto.SerializeToString())


def ratio(bundle: Bundle, size: int, *, explain: bool = False) -> float:
    """Return the CPU time of the whole graph over that of the bare one, on so many items."""
    encoder = encoder_for(bundle.manifest.encoder, bundle.files)
    items: list[Arrays] = [
        encoder.encode(Payload(bundle.files[f"golden/{case.file}"], case.media_type)).arrays
        for case in bundle.golden
    ]
    feeds = collate([items[i % len(items)] for i in range(size)], bundle.manifest.inputs)
    sessions = (Session(bundle.model), Session(bare(bundle.model)))
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
        bundle = read_bundle(folder)
        if SALIENCY not in {spec.name for spec in bundle.manifest.outputs}:
            continue
        for size in BATCHES:
            unasked, asked = ratio(bundle, size), ratio(bundle, size, explain=True)
            print(
                f"{bundle.manifest.name:14} batch of {size}: not asked for "
                f"{100 * (unasked - 1):+.1f} %, asked for {100 * (asked - 1):+.0f} %",
                flush=True,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "models"))
