"""Folders of models: copies of the shipped ones, versions to swap, and bundles with a fault."""

import json
import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from app.bundle import Manifest, Provenance, publish
from app.modalities import Payload
from app.modalities.image.spec import ImageSpec
from app.pipeline import Golden, answer_golden
from app.runtime.session import Session
from benchmarks.inputs import MODELS
from benchmarks.reliability import faulty_graphs
from benchmarks.reliability.client import Question
from benchmarks.reliability.pictures import flat

LABELS = [str(digit) for digit in range(10)]
_DIGIT = (MODELS / "digits/1/golden/case-08-0.png").read_bytes


def question(model: str) -> Question:
    """Return a good request for a shipped model: its first golden case."""
    folder = MODELS / model / "1"
    case = json.loads((folder / "golden/cases.json").read_bytes())[0]
    task = json.loads((folder / "manifest.json").read_bytes())["task"]
    payload = (folder / "golden" / case["file"]).read_bytes()
    if task == "complete":
        body = json.dumps({"text": payload.decode(), "max_words": 4}).encode()
        return Question(f"/v1/models/{model}/{task}", body, "application/json")
    return Question(f"/v1/models/{model}/{task}", payload, case["media_type"])


def repeated(single: Question, count: int) -> Question:
    """Return a request that holds the item of another one `count` times, in a form."""
    head = 'Content-Disposition: form-data; name="file"; filename="item"'
    part = f"--b\r\n{head}\r\nContent-Type: {single.media_type}\r\n\r\n".encode()
    body = b"".join(part + single.body + b"\r\n" for _ in range(count)) + b"--b--\r\n"
    return Question(single.path, body, "multipart/form-data; boundary=b")


def picture_question(model: str, picture: bytes) -> Question:
    """Return a request to classify a PNG."""
    return Question(f"/v1/models/{model}/classify", picture, "image/png")


def serve_copies(root: Path, *models: str) -> Path:
    """Copy shipped models into a new folder and return it."""
    for model in models:
        shutil.copytree(MODELS / model, root / model)
    return root


def edit_manifest(bundle: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest of a bundle, and give every file its right digest again."""
    path = bundle / "manifest.json"
    manifest = json.loads(path.read_bytes())
    edit(manifest)
    for name in manifest["files"]:
        manifest["files"][name] = sha256((bundle / name).read_bytes()).hexdigest()
    path.write_text(json.dumps(manifest, indent=2))


class Versions:
    """Versions of `digits` below `root`, published and removed as an operator does.

    The labels of version n are rotated by n modulo 2, so an answer shows which version made it.
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "digits"
        self._templates = [self._template(root, turn) for turn in range(2)]
        self._folder.mkdir()
        self.publish(1)

    def publish(self, version: int) -> None:
        """Copy a version aside and rename it: a reader sees all of it or nothing."""
        aside = self._folder / f".{version}"
        shutil.copytree(self._templates[version % 2], aside)
        edit_manifest(aside, lambda manifest: manifest.update(version=version))
        aside.rename(self._folder / str(version))

    def remove(self, version: int) -> None:
        """Delete a version, its manifest last, as `rm -r` may."""
        shutil.rmtree(self._folder / str(version))

    def replace(self, version: int) -> None:
        """Put version + 1 in the place of `version`: both happen between two looks of a reader."""
        self.publish(version + 1)
        self.remove(version)

    @staticmethod
    def is_mixed(answer: bytes) -> bool:
        """Whether an answer's label is not that of the version which it names."""
        read = json.loads(answer)
        expected = LABELS[(7 + read["version"] % 2) % 10]
        return bool(read["predictions"][0]["label"] != expected)

    def _template(self, root: Path, turn: int) -> Path:
        bundle = root / f".template-{turn}"
        shutil.copytree(MODELS / "digits/1", bundle)
        rotated = LABELS[turn:] + LABELS[:turn]
        cases = json.loads((bundle / "golden/cases.json").read_bytes())
        for case in cases:
            shown = case["probabilities"].items()
            case["probabilities"] = {rotated[LABELS.index(name)]: p for name, p in shown}
        (bundle / "golden/cases.json").write_text(json.dumps(cases))
        edit_manifest(bundle, lambda manifest: manifest.update(labels=rotated))
        return bundle


def digit() -> Question:
    """Return a request for `digits`: a handwritten 7."""
    return picture_question("digits", _DIGIT())


def plant(root: Path, name: str, graph: bytes) -> Path:
    """Publish a classifier of 8x8 pictures, whose golden case is a grey one; return its folder."""
    inputs, outputs = Session(graph).tensors()
    provenance = Provenance(
        recipe="fault",
        seed=0,
        code=__name__,
        data="none",
        data_source="",
        data_licence="",
        data_sha256="",
        splits={},
    )
    manifest = Manifest(
        name=name,
        version=1,
        description="A graph with a fault.",
        encoder=ImageSpec(width=8, height=8, fit="stretch"),
        inputs=inputs,
        outputs=outputs,
        labels=("0", "1"),
        provenance=provenance,
        licence="Apache-2.0",
        files={},
    )
    golden = [Golden("grey.png", Payload(flat(100), "image/png"))]
    files = {"model.onnx": graph, "README.md": b"# a fault\n"}
    return publish(answer_golden(manifest, files, golden), root)


def plant_endless_golden_case(root: Path) -> Path:
    """Publish a bundle whose golden case never ends."""
    return _replace_graph(root, "endless-golden-case", faulty_graphs.endless(always=True))


def plant_crash(root: Path) -> Path:
    """Publish a bundle on which ONNX Runtime's loader dies of a stack overflow."""
    return _replace_graph(root, "crash", faulty_graphs.overflowing())


def plant_fifo(root: Path) -> Path:
    """Make a version whose manifest is a FIFO, which blocks whoever opens it."""
    bundle = root / "fifo" / "1"
    bundle.mkdir(parents=True)
    os.mkfifo(bundle / "manifest.json")
    return bundle


def _replace_graph(root: Path, name: str, graph: bytes) -> Path:
    """Publish a good bundle aside, give it another graph, and only then let it be seen."""
    aside = root / f".{name}"
    bundle = plant(aside, name, faulty_graphs.endless())
    (bundle / "model.onnx").write_bytes(graph)
    edit_manifest(bundle, lambda manifest: None)
    (aside / name).rename(root / name)
    return root / name / "1"
