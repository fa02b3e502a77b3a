"""One section of docs/gpu.md, printed row by row: an error of the GPU ends the process."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path

import onnxruntime

from app.runtime.providers import CPU, providers_for
from benchmarks.gpu import agreement, batches, options, serving
from benchmarks.gpu.subject import shipped, timed

SEARCHED = ("imagenet", "large", "spam")  # whose options are compared
Section = Callable[[argparse.Namespace], Iterator[str]]
SECTIONS: Mapping[str, Section] = {
    "answers": lambda o: agreement.table(shipped(), o.device),
    "batches": lambda o: chain.from_iterable(batches.table(s, o.device) for s in timed(o.more)),
    "options": lambda o: chain.from_iterable(
        options.table(s, o.device) for s in timed(o.more) if s.name.split("/")[0] in SEARCHED
    ),
    "service": lambda o: chain(serving.table(o.device, o.seconds), serving.decoding()),
}


def main() -> None:
    """Print the section named."""
    parser = argparse.ArgumentParser("benchmarks.gpu")
    parser.add_argument("section", choices=SECTIONS)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--more", type=Path)
    parser.add_argument("--seconds", type=float, default=2)
    asked = parser.parse_args()
    if providers_for(asked.device)[0][0] != CPU:
        onnxruntime.preload_dlls()
    for row in SECTIONS[asked.section](asked):
        print(row, flush=True)


if __name__ == "__main__":
    main()
