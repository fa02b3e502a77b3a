"""Mistakes in data of one's own, which are answered without torch: how each is made, the answer."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.training.conftest import REPOSITORY
from tests.training.samples import shape

RNG = np.random.default_rng(0)
QUANTITY = "text,label\n" + "".join(f"words {i},{i / 7:.3f}\n" for i in range(60))
COPIES = "text,label\n" + "a,x\nb,y\n" * 9
Arguments = Callable[[Path], list[object]]


def folder(root: Path, **labels: int) -> Path:
    for label, count in labels.items():
        (root / label).mkdir(parents=True)
        for i in range(count):
            (root / label / f"{i}.png").write_bytes(shape("disc", RNG))
    return root


def file(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


OWN_DATA_MISTAKES: dict[str, tuple[Arguments, str]] = {
    "no table": (
        lambda t: ["run", "--data", file(t / "x.bin", bytes(range(99)))],
        "expected a folder",
    ),
    "no archive": (lambda t: ["run", "--data", file(t / "x.zip", "PK")], "not a readable archive"),
    "no such column": (
        lambda t: ["run", "--data", file(t / "t.csv", COPIES), "--label-column", "kind"],
        "--label-column kind: there is no such column in t.csv; its columns: text, label",
    ),
    "columns of a recipe": (
        lambda t: ["run", "spam", "--text-column", "1"],
        "options for tables and texts are for your own data; spam has its own",
    ),
    "columns of a folder": (
        lambda t: ["run", "--data", folder(t / "d", a=3, b=3), "--text-column", "1"],
        "--text-column: d holds no table; its folders are the labels",
    ),
    "an unknown case": (
        lambda t: ["run", "--data", t, "--text-case", "upper"],
        "--text-case: expected one of auto, keep, lower, got 'upper'",
    ),
    "an address that does not answer": (
        lambda t: ["inspect", "--data", "http://127.0.0.1:1/t.csv"],
        "t.csv cannot be downloaded",
    ),
    "no data set of the hub": (
        lambda t: ["inspect", "--data", "hf://owner"],
        "expected hf://OWNER/NAME, a data set of the Hugging Face hub",
    ),
    "splits as labels": (
        lambda t: ["run", "--data", folder(t / "d", train=3, test=3)],
        "test, train are names of splits, not labels",
    ),
    "numbers as targets": (
        lambda t: ["run", "--data", file(t / "t.csv", QUANTITY)],
        "60 different numbers",
    ),
    "an unclear table for a bundle": (
        lambda t: [
            *("measure", "digits", "--data", file(t / "t.csv", "first,second\na,b\n")),
            *("--models", REPOSITORY / "models"),
        ],
        "it is not clear which column is the text",
    ),
}
