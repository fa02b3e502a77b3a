"""Mistakes on the command line of `thalamus-train`: how each is made, and the answer."""

import zipfile
from pathlib import Path

from tests.training.cluster_mistakes import CLUSTER_MISTAKES
from tests.training.conftest import REPOSITORY
from tests.training.own_data_mistakes import OWN_DATA_MISTAKES, Arguments, file, folder
from tests.training.samples import write_mnist, write_recordings, write_tar

STARTED = ("--start", "features")
SPOKEN = REPOSITORY / "models" / "spoken-digits"


def latin(root: Path) -> Path:
    for label in ("un", "deux"):
        (root / label).mkdir(parents=True)
        for i in range(20):
            file(root / label / f"{i}.txt", f"été {label} {i}".encode("latin-1"))
    return root


def broken_idx(root: Path) -> Path:
    file(write_mnist(root, 1, 1) / "train-images-idx3-ubyte.gz", b"\x1f\x8b\x08broken")
    return root


def broken_zip(path: Path) -> Path:
    recordings = write_recordings(path.parent / "r", ["anna"], each=1) / "recordings"
    with zipfile.ZipFile(path, "w") as archive:
        for recording in recordings.iterdir():
            archive.write(recording, f"x/recordings/{recording.name}")
    return file(path, path.read_bytes()[:-300])


def ruled(models: Path) -> Path:
    """A folder in which nobody knows which version of `d` serves."""
    (models / "d").mkdir(parents=True)
    return file(models / "d" / "serving.json", '{"policy": "newest"}').parents[1]


# Each is a way of making a mistake in a folder, and what is answered.
SEEN_WITHOUT_TORCH: dict[str, tuple[Arguments, str]] = {
    "no arguments": (lambda t: [], "COMMAND"),
    "no such command": (lambda t: ["fly"], "unknown command 'fly'; see thalamus-train --help"),
    "nothing named": (lambda t: ["run"], "name a recipe (thalamus-train recipes), or your --data"),
    "unknown recipe": (lambda t: ["run", "chess"], "no recipe 'chess'; there are digits,"),
    "unknown option": (lambda t: ["run", "digits", "--fast"], "--fast"),
    "no number": (lambda t: ["run", "digits", "--epochs", "many"], "--epochs"),
    "no epochs": (
        lambda t: ["run", "digits", "--epochs", "0"],
        "--epochs: expected a whole number of at least 1, got '0'",
    ),
    "negative seed": (
        lambda t: ["run", "digits", "--seed=-1"],
        "--seed: expected a whole number of at least 0, got '-1'",
    ),
    "no threads": (
        lambda t: ["run", "digits", "--threads", "0"],
        "--threads: expected a whole number of at least 1, got '0'",
    ),
    "a name for a recipe": (lambda t: ["run", "digits", "--name", "x"], "--name is for your own"),
    "no such bundle": (
        lambda t: ["measure", "digit", "--data", t, "--models", REPOSITORY / "models"],
        "holds no digit (did you mean digits?)",
    ),
    "no such version": (
        lambda t: [
            *("measure", "digits", "--version", "99", "--data", t),
            *("--models", REPOSITORY / "models"),
        ],
        "holds no digits/99",
    ),
    "no data for a bundle": (lambda t: ["calibrate", "digits"], "--data is missing"),
    "missing data for a bundle": (
        lambda t: ["calibrate", "digits", "--data", t / "no"],
        "no does not exist",
    ),
    "nowhere to report": (
        lambda t: ["measure", "digits", "--data", t, "--report", t / "no" / "x.json"],
        "expected a file in a folder that exists",
    ),
    "no precision": (lambda t: ["quantize", "digits"], "--precision is missing"),
    "no such precision": (
        lambda t: ["publish", "digits", "--precision", "int9"],
        "--precision: expected one of int8, fp16, got 'int9'",
    ),
    "a share that is none": (
        lambda t: ["quantize", "digits", "--precision", "int8", "--most-lost", "101"],
        "--most-lost: expected a number from 0 to 100, got '101'",
    ),
    "no such split": (lambda t: ["few-labels", "digits", "--split", "all"], "--split"),
    "missing folder": (lambda t: ["run", "--data", t / "no"], "no does not exist"),
    "missing recipe data": (lambda t: ["run", "digits", "--data", t / "no"], "no does not exist"),
    "empty folder": (
        lambda t: ["run", "--data", t / "somewhere"],
        "expected one sub-folder per label",
    ),
    "no table": (
        lambda t: ["run", "--data", file(t / "x.bin", bytes(range(99)))],
        "expected a folder",
    ),
    **CLUSTER_MISTAKES,
    **OWN_DATA_MISTAKES,
    "models is a file": (
        lambda t: ["run", "--data", folder(t / "d", a=3, b=3), "--models", file(t / "m", "")],
        "is not a folder that can be written to",
    ),
    "no such policy": (
        lambda t: ["run", "digits", "--publish", "better"],
        "--publish: expected one of if-better, always, never, got 'better'",
    ),
    "a precision that is none": (
        lambda t: ["run", "digits", "--target-precision", "99"],
        "--target-precision: expected a number from 0.5 to 0.9999, got '99'",
    ),
    "a precision of no answers": (
        lambda t: ["run", "completion", "--target-precision", ".9", "--force"],
        "--target-precision and --force: completion trains no classifier",
    ),
    "no ranks": (
        lambda t: ["run", "digits", "--ranks", "0"],
        "--ranks: expected a whole number from 1 to 4096, got '0'",
    ),
    "from for nothing": (
        lambda t: ["run", "--data", folder(t / "d", a=3, b=3), "--from", "digits"],
        "--from names what --start pretrained or features starts from",
    ),
    "no such start": (
        lambda t: ["run", "digits", "--start", "anew"],
        "--start: expected one of auto, linear, scratch, pretrained, features, got 'anew'",
    ),
    "from nowhere": (
        lambda t: ["run", "--data", folder(t / "d", a=3, b=3), *STARTED, "--from", "nowhere"],
        "--from nowhere: neither imagenet, minilm, nor a bundle in models",
    ),
    "epochs of features": (
        lambda t: [
            *("run", "--data", folder(t / "d", a=3, b=3), *STARTED, "--epochs", "3"),
            *("--from", SPOKEN.parent / "digits"),
        ],
        "--epochs: feature extraction has none",
    ),
    "an odd picture of the starts": (
        lambda t: ["compare-starts", "digits", "--picture", t / "x.gif"],
        "a picture is .svg or .png",
    ),
    "one fold": (
        lambda t: ["compare", "spam", "--folds", "1"],
        "--folds: expected a whole number from 2 to 50, got '1'",
    ),
    "nothing to study": (lambda t: ["few-labels", "imagenet"], "comes trained"),
    "learns from labels": (lambda t: ["few-labels", "digits"], "digits learns from labels"),
    "one class": (
        lambda t: ["run", "--data", folder(t / "d", cats=12)],
        "at least two labels are needed, found cats",
    ),
    "copies only": (
        lambda t: ["run", "--data", file(t / "t.csv", "text,label\n" + "a,x\nb,y\n" * 9)],
        "every label needs at least 3 different samples; too few: x, y",
    ),
    "missing column": (
        lambda t: ["run", "--data", file(t / "t.csv", "words;kind\na;b\n")],
        "it is not clear which column is the text (--text-column) and which is the label",
    ),
    "a name of no letters": (
        lambda t: ["run", "--data", folder(t / "猫", a=3, b=3)],
        "makes no model name; give one with --name",
    ),
    "inspecting the pretrained": (lambda t: ["inspect", "imagenet"], "comes trained"),
    "comparing the pretrained": (lambda t: ["compare", "imagenet"], "comes trained"),
    "no baseline": (lambda t: ["compare", "digits"], "digits has no baseline to compare with"),
    "a start for the pretrained": (
        lambda t: ["run", "imagenet", "--start", "features"],
        "imagenet comes trained; it starts from nothing else",
    ),
    "starts of no classifier": (
        lambda t: ["compare-starts", "completion"],
        "completion is no classifier; there is no start to compare",
    ),
    "starts of an autoencoder": (
        lambda t: ["compare-starts", "digits-autoencoder"],
        "digits-autoencoder learns without labels; there is no start to compare",
    ),
    "a start for an autoencoder": (
        lambda t: ["train", "digits-autoencoder", *STARTED],
        "digits-autoencoder learns without labels; it starts from nothing else",
    ),
    "epochs of the starts": (
        lambda t: ["compare-starts", "digits", "--epochs", "3"],
        "unknown option --epochs",
    ),
    "epochs of the pretrained": (
        lambda t: ["train", "imagenet", "--epochs", "3", "--seed", "2", "--threads", "2"],
        "--epochs, --seed would change nothing: imagenet comes trained",
    ),
    "data of the pretrained": (
        lambda t: ["train", "imagenet", "--data", t],
        "--data would change nothing: imagenet comes trained",
    ),
    "ranks of the pretrained": (
        lambda t: ["train", "imagenet", "--ranks", "2", "--checkpoints", t, "--fresh"],
        "--ranks would change nothing: imagenet comes trained",
    ),
    "ranks of features": (
        lambda t: ["train", "--data", folder(t / "d", a=3, b=3), *STARTED, "--ranks", "2"],
        "--ranks would change nothing: --start features has no epochs",
    ),
    "a start for a language model": (
        lambda t: ["train", "completion", "--start", "pretrained"],
        "completion starts in its own way; it starts from nothing else",
    ),
    "a wrong name": (
        lambda t: ["train", "--data", folder(t / "d", a=3, b=3), "--name", "Bad_Name"],
        "--name: expected lower-case letters, digits and hyphens",
    ),
    "a table of one label": (
        lambda t: ["inspect", "--data", file(t / "t.csv", "text,label\na,x\nb,x\n")],
        "t: at least two labels are needed, found x",
    ),
    "a table of no texts": (
        lambda t: ["inspect", "--data", file(t / "t.csv", "text,label\n,x\n")],
        "t: no text found; not usable: t.csv, line 2 (the text is missing)",
    ),
}
MISTAKES: dict[str, tuple[Arguments, str]] = {
    **SEEN_WITHOUT_TORCH,
    "a rule that cannot be used": (
        lambda t: ["run", "--data", folder(t / "d", a=3, b=3), "--models", ruled(t / "m")],
        "d/serving.json: policy: ",
    ),
    "wrong recipe data": (lambda t: ["run", "digits", "--data", folder(t / "d", a=1)], "holds no"),
    "two samples": (
        lambda t: ["run", "--data", folder(t / "d", cats=12, dogs=2)],
        "too few: dogs",
    ),
    "broken IDX file": (lambda t: ["run", "digits", "--data", broken_idx(t / "d")], "IDX file"),
    "broken zip": (
        lambda t: ["run", "spoken-digits", "--data", broken_zip(t / "d.zip")],
        "d.zip is not a readable zip archive",
    ),
    "broken tar": (
        lambda t: ["run", "spam", "--data", file(t / "spam.tar.bz2", b"BZh9nonsense")],
        "spam.tar.bz2 is not a readable tar archive",
    ),
    "no mails": (
        lambda t: ["run", "spam", "--data", write_tar(t / "s.tar.bz2", {"a": b""})],
        "no mail found",
    ),
    "from a folder of nothing": (
        lambda t: ["run", "--data", folder(t / "d", a=3, b=3), *STARTED, "--from", t / "d"],
        "neither a bundle (manifest.json) nor a backbone (config.json)",
    ),
    "from sounds to pictures": (
        lambda t: ["run", "--data", folder(t / "d", a=3, b=3), *STARTED, "--from", SPOKEN],
        "spoken-digits/1 reads sounds, but d holds image/png",
    ),
}
