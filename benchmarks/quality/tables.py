"""Pictures and sounds as tables of numbers, for a peer that takes nothing else.

`python -m benchmarks.quality.tables SET FOLDER` writes `train.csv` and `test.csv`, with the column
label and the features that the easy peer reads too, and `cost.json`: what the training part took.
"""

import csv
import json
import sys
from pathlib import Path

from benchmarks.quality.answers import Clock
from benchmarks.quality.easy import EASY
from benchmarks.quality.prepare import Prepared, prepare
from benchmarks.quality.sets import BY_NAME

OF = {"picture": "efficientnet", "sound": "forest"}


def write(prepared: Prepared, folder: Path) -> None:
    """Write both tables and the cost."""
    peer = EASY[OF[prepared.facts.kind]]
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("test", "train"):
        samples = prepared.samples("train" if part == "train" else "test")
        clock = Clock()
        rows = peer.read(samples)
        seconds, processor = clock.stop()
        with (folder / f"{part}.csv").open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["label", *(f"f{i}" for i in range(rows.shape[1]))])
            for sample, row in zip(samples, rows, strict=True):
                table.writerow([sample.label, *(f"{value:.6g}" for value in row)])
    cost = {"seconds": seconds, "cpu_seconds": processor, "megabytes": peer.megabytes}
    (folder / "cost.json").write_text(json.dumps(cost))


if __name__ == "__main__":
    write(prepare(BY_NAME[sys.argv[1]]), Path(sys.argv[2]))
