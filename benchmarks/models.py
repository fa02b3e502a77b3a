"""The bundles of the benchmarks, and the payloads for each.

This module makes `large`, `small` and `text`, in a folder that git ignores; `audio` is the shipped
spoken-digits.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from app.bundle import Manifest, Provenance, publish, read_bundle
from app.modalities import Payload, encoder_for
from app.modalities.image.spec import ImageSpec
from app.modalities.text.spec import TextSpec
from app.pack import Package, pack
from app.pipeline import Golden, answer_golden
from app.registry import SHIPPED
from app.runtime.session import Session
from benchmarks import graphs, inputs
from benchmarks.inputs import MODELS

CACHE = Path(__file__).parent / ".cache"
BUNDLES = CACHE / "models"


@dataclass(frozen=True)
class Workload:
    """A model and the payloads that are sent to it in turn."""

    model: str
    media_type: str
    payloads: tuple[bytes, ...]

    @property
    def bundle(self) -> Path:
        """The folder that is served."""
        return BUNDLES / self.model / "1"

    @property
    def side(self) -> int:
        """The width and height that an image model takes, in pixels."""
        return 224 if self.model == "large" else 32

    def lasting(self, seconds: float) -> float:
        """Return the duration of its load, given that of a fast model.

        Requests in flight at the end of a load do not count, and a slow model has many of them.
        """
        return 2 * seconds if self.model == "large" else seconds


@cache
def workload(model: str) -> Workload:
    """Return `large`, `small`, `text`, `audio`, or `photo`: 12 megapixels for `large`."""
    if model == "text":
        return Workload(model, "text/plain", tuple(inputs.texts(64)))
    if model == "audio":
        return Workload(model, "audio/wav", tuple(inputs.sounds()))
    if model == "small":
        return Workload(model, "image/jpeg", tuple(inputs.photos(16, (32, 32), 1_200)))
    if model == "photo":
        return Workload("large", "image/jpeg", tuple(inputs.photos(2, (4000, 3000), 4_000_000)))
    return Workload(model, "image/jpeg", tuple(inputs.photos(8, (640, 480), 100_000)))


def prepare() -> None:
    """Make the bundles again, because those of another commit may have another schema.

    `benchmarks.reference` calls this in commits that it compares with: its name and `BUNDLES`
    are a contract.
    """
    aside = CACHE / "made"
    shutil.rmtree(BUNDLES, ignore_errors=True)
    for model, make in (("large", _image), ("small", _image), ("text", _text), ("audio", _audio)):
        shutil.rmtree(aside, ignore_errors=True)
        make(workload(model), aside)
        (BUNDLES / model).mkdir(parents=True)
        (aside / model / "1").rename(workload(model).bundle)


def _image(work: Workload, folder: Path) -> None:
    """Pack an ONNX image classifier, as `thalamus pack` does."""
    build, labels = {
        "large": (graphs.large, graphs.IMAGENET),
        "small": (graphs.small, graphs.DIGITS),
    }[work.model]
    spec = ImageSpec(width=work.side, height=work.side, fit="stretch")
    folder.mkdir(parents=True)
    file, picture = folder / f"{work.model}.onnx", folder / "photo.jpg"
    file.write_bytes(_spread(build, spec, work.payloads))
    picture.write_bytes(work.payloads[0])
    names = tuple(str(label) for label in range(labels))
    pack(file, Package(work.model, names, spec, "probabilities", "Apache-2.0"), [picture], folder)


def _spread(
    build: Callable[[graphs.Spread], bytes], spec: ImageSpec, payloads: tuple[bytes, ...]
) -> bytes:
    """Return the offsets that spread the answers to these pictures over the labels."""
    encoder = encoder_for(spec, {})
    batch = [encoder.encode(Payload(p, "image/jpeg")).arrays["image"] for p in payloads]
    outputs = Session(build(graphs.Spread())).run({"image": np.stack(batch)})
    logits = np.log(outputs["probabilities"])
    return build(graphs.Spread(-logits.mean(0), float(2 / logits.std(0).mean())))


def _text(work: Workload, folder: Path) -> None:
    tokenizer = (MODELS / "spam/1/tokenizer.json").read_bytes()
    spec = TextSpec(max_tokens=512)
    graph = graphs.text(Tokenizer.from_buffer(tokenizer).get_vocab_size())
    session_inputs, session_outputs = Session(graph).tensors()
    provenance = Provenance(
        recipe="benchmark",
        seed=3,
        code=__name__,
        data="none: random weights",
        data_source="",
        data_licence="",
        data_sha256="",
        splits={},
    )
    manifest = Manifest(
        name="text",
        version=1,
        description="A GRU with random weights.",
        encoder=spec,
        inputs=session_inputs,
        outputs=session_outputs,
        labels=("0", "1"),
        provenance=provenance,
        licence="Apache-2.0",
        files={},
    )
    files = {"model.onnx": graph, "tokenizer.json": tokenizer, "README.md": b"# text\n"}
    golden = [Golden("text.txt", Payload(work.payloads[0], work.media_type))]
    publish(answer_golden(manifest, files, golden), folder)


def _audio(work: Workload, folder: Path) -> None:
    bundle = read_bundle(MODELS / "spoken-digits/1", SHIPPED)
    golden = [Golden("sound.wav", Payload(work.payloads[0], work.media_type))]
    publish(
        answer_golden(bundle.manifest.model_copy(update={"name": "audio"}), bundle.files, golden),
        folder,
    )
