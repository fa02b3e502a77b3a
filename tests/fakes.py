"""Small real things to test with: ONNX graphs of a few nodes, bundles of them, files.

Nothing here imitates the service's own classes; a fake graph runs in the real ONNX
Runtime, and a fake bundle is written by the real `publish`.
"""

import base64
import io
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers

from app.bundle import (
    AudioSpec,
    Bundle,
    Conformal,
    ImageSpec,
    Manifest,
    NoveltyScore,
    Provenance,
    TensorSpec,
    TextSpec,
    TreeSpec,
    WordsSpec,
    publish,
)
from app.bundle.publish import seal
from app.inputs import Payload
from app.pipeline import Golden, answer_golden
from tests.graphs import (
    audio_graph,
    autoencoder_graph,
    doubting_graph,
    image_graph,
    text_graph,
    tree_graph,
    words_graph,
)

COLOURS = ("red", "green", "blue")
MOODS = ("glad", "sad")
SOUNDS = ("low", "high", "silent")
RATE, SAMPLES = 8000, 4000
WORDS = ("good", "fine", "happy", "bad", "awful", "sorry", "the", "day", "is", "a")
PROSE = ("<unk>", "<end>", "the", "day", "is", "good", ",", "and", "we", "are", "glad", ".")
_PROVENANCE = Provenance(
    recipe="fake",
    seed=1,
    code="0",
    data="fake",
    data_source="tests/fakes.py",
    data_licence="CC0-1.0",
    data_sha256="0" * 64,
    splits={"train": 0},
)


def tokenizer() -> bytes:
    """Words apart by white space; what is not in WORDS is token 0."""
    vocabulary = {"?": 0} | {word: place for place, word in enumerate(WORDS, 1)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="?"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return made.to_str().encode()


def seal_bundle(
    name: str,
    encoder,
    labels: tuple[str, ...],
    files: Mapping[str, bytes],
    cases: Mapping[str, tuple[bytes, str]],
    **fields,
) -> Bundle:
    """Return a sealed bundle whose golden cases are what the graph answers here."""
    outputs = (TensorSpec(name="probabilities", dtype="float32", shape=("batch", len(labels))),)
    manifest = Manifest(
        **{
            "name": name,
            "version": 1,
            "description": f"A fake for {encoder.kind}.",
            "encoder": encoder,
            "inputs": encoder.tensors(),
            "outputs": outputs,
            "labels": labels,
            "provenance": _PROVENANCE,
            "licence": "CC0-1.0",
            "files": {},
        }
        | fields
    )
    golden = [Golden(file, Payload(data, kind)) for file, (data, kind) in cases.items()]
    return answer_golden(manifest, files, golden)


def image_bundle(name: str = "colours", version: int = 1, sharpness: float = 8.0) -> Bundle:
    """Tell red, green and blue apart."""
    cases = {
        "red.png": (picture(encode=("PNG",), colour=(250, 10, 20)), "image/png"),
        "blue.png": (picture(encode=("PNG",), colour=(5, 10, 240)), "image/png"),
    }
    encoder = ImageSpec(height=8, width=8, resample="bilinear")
    files = {"model.onnx": image_graph(8, sharpness)}
    return seal_bundle(name, encoder, COLOURS, files, cases, version=version)


def doubting_bundle(name: str = "doubting", version: int = 1, threshold: float = 0.6) -> Bundle:
    """Tell red, green and blue apart; know plain pictures, and say what is not credible."""
    cases = {
        "red.png": (picture(encode=("PNG",), colour=(250, 10, 20)), "image/png"),
        "scene.png": (saved(scene()), "image/png"),
    }
    outputs = tuple(
        TensorSpec(name=output, dtype="float32", shape=("batch", *shape))
        for output, shape in (("probabilities", (3,)), ("novelty", ()))
    )
    fields = {
        "version": version,
        "outputs": outputs,
        "conformal": Conformal(coverage=0.95, threshold=threshold, samples=100),
        "novelty": NoveltyScore(method="relative-mahalanobis", kept=0.99, samples=100),
    }
    encoder = ImageSpec(height=8, width=8, resample="bilinear")
    files = {"model.onnx": doubting_graph(8)}
    return seal_bundle(name, encoder, COLOURS, files, cases, **fields)


def autoencoder_bundle(name: str = "plain-colours", version: int = 1) -> Bundle:
    """See every picture as one of one colour."""
    cases = {
        "red.png": (picture(encode=("PNG",), colour=(250, 10, 20)), "image/png"),
        "scene.png": (saved(scene()), "image/png"),
    }
    encoder = ImageSpec(height=8, width=8, resample="bilinear")
    shapes: dict[str, tuple[int, ...]] = {
        "reconstruction": (8, 8, 3),
        "reconstruction_error": (),
        "novelty": (),
        "embedding": (3,),
    }
    outputs = tuple(
        TensorSpec(name=output, dtype="float32", shape=("batch", *shape))
        for output, shape in shapes.items()
    )
    files = {"model.onnx": autoencoder_graph(8)}
    fields = {"version": version, "outputs": outputs, "task": "reconstruct"}
    return seal_bundle(name, encoder, (), files, cases, **fields)


def embedding_bundle(name: str = "embedded-colours", version: int = 1) -> Bundle:
    """Tell colours apart as `image_bundle` does, by features that it shows."""
    cases = {"red.png": (picture(encode=("PNG",), colour=(250, 10, 20)), "image/png")}
    encoder = ImageSpec(height=8, width=8, resample="bilinear")
    outputs = tuple(
        TensorSpec(name=output, dtype="float32", shape=("batch", 3))
        for output in ("probabilities", "embedding")
    )
    files = {"model.onnx": image_graph(8, embedding=True)}
    return seal_bundle(name, encoder, COLOURS, files, cases, version=version, outputs=outputs)


def text_bundle(name: str = "moods", version: int = 1) -> Bundle:
    """Tell glad texts from sad ones."""
    cases = {
        "glad.txt": (b"the day is good", "text/plain"),
        "sad.txt": (b"sorry the awful day is bad bad bad", "text/plain"),
    }
    files = {"model.onnx": text_graph(len(WORDS) + 1), "tokenizer.json": tokenizer()}
    return seal_bundle(
        name, TextSpec(max_tokens=16, tail_tokens=4), MOODS, files, cases, version=version
    )


def words_bundle(name: str = "prose", version: int = 1) -> Bundle:
    """Go on with the words of PROSE, in their order and then from the first."""
    cases = {
        "day.txt": (b"The day", "text/plain"),
        "we.txt": (b"The day is good, and we", "text/plain"),
    }
    spec = WordsSpec(max_words=16, state=2)
    outputs = (
        TensorSpec(name="log_probabilities", dtype="float32", shape=("batch", len(PROSE))),
        TensorSpec(name="next_state", dtype="float32", shape=("batch", 2)),
    )
    files = {
        "model.onnx": words_graph(len(PROSE)),
        "vocabulary.txt": "".join(f"{word}\n" for word in PROSE).encode(),
    }
    told = {"version": version, "outputs": outputs, "task": "complete"}
    return seal_bundle(name, spec, (), files, cases, **told)


def audio_bundle(name: str = "sounds", version: int = 1) -> Bundle:
    """Tell low tones from high ones and from silence."""
    cases = {
        "low.wav": (sound(tone(100)), "audio/wav"),
        "high.wav": (sound(tone(3000)), "audio/wav"),
    }
    encoder = AudioSpec(rate=RATE, samples=SAMPLES)
    return seal_bundle(name, encoder, SOUNDS, {"model.onnx": audio_graph()}, cases, version=version)


def explained(bundle: Bundle) -> Bundle:
    """Return the same bundle with a graph that tells saliency as well."""
    manifest, files = bundle.manifest, dict(bundle.files)
    graph, axes = {
        "image": (image_graph, (8, 8)),
        "text": (lambda **_: text_graph(len(WORDS) + 1, explained=True), ("time",)),
        "audio": (audio_graph, (1, SAMPLES // 400)),
    }[manifest.modality]
    files["model.onnx"] = graph(explained=True)
    saliency = TensorSpec(name="saliency", dtype="float32", shape=("batch", *axes))
    changed = {"outputs": (*manifest.outputs, saliency), "files": {}}
    changed |= {"bands": (60.0, 3900.0)} if manifest.modality == "audio" else {}
    return seal(manifest.model_copy(update=changed), files)


def tree_bundle(name: str = "parsed", version: int = 1) -> Bundle:
    """Call every word by itself, and every phrase sad."""
    cases = {
        "tree.txt": (b"(0 (1 the) (2 (1 day) (1 is)))", "text/plain"),
        "word.txt": (b"fine", "text/plain"),
    }
    files = {
        "model.onnx": tree_graph(len(WORDS) + 1),
        "vocabulary.txt": "\n".join(("", *WORDS)).encode(),
    }
    spec = TreeSpec(notation="ptb")
    outputs = tuple(
        TensorSpec(name=output, dtype="float32", shape=(axis, len(MOODS)))
        for output, axis in (("probabilities", "batch"), ("nodes", "node"))
    )
    return seal_bundle(name, spec, MOODS, files, cases, version=version, outputs=outputs)


def publish_all(root: Path) -> Path:
    """Publish one bundle of each modality."""
    for bundle in (image_bundle(), text_bundle(), audio_bundle()):
        publish(bundle, root)
    return root


def picture(
    size: tuple[int, int] = (12, 10),
    colour: tuple[int, ...] = (200, 30, 40),
    mode: str = "RGB",
    encode: tuple[str, ...] = ("PNG",),
    **options,
) -> bytes:
    """Return an image file of one colour."""
    return saved(
        Image.new(mode, size, colour if len(colour) > 1 else colour[0]), encode[0], **options
    )


def saved(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    """Return the file of a Pillow image."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def scene(width: int = 24, height: int = 16) -> Image.Image:
    """Return a picture without any symmetry."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x * y) % 256], axis=-1)
    return Image.fromarray(pixels.astype(np.uint8))


def b64(data: bytes) -> dict[str, str]:
    """Return an instance of a JSON body."""
    return {"b64": base64.b64encode(data).decode()}


def tone(hertz: float, seconds: float = 0.5, rate: int = RATE, loudness: float = 0.5) -> np.ndarray:
    """Return a sine."""
    return loudness * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)


def sound(
    signal: np.ndarray, rate: int = RATE, kind: str = "WAV", subtype: str | None = None
) -> bytes:
    """Return a sound file."""
    file = io.BytesIO()
    soundfile.write(file, signal, rate, subtype, format=kind)
    return file.getvalue()


def wav(  # noqa: PLR0913
    data: bytes = b"\0\0" * 800,
    kind: int = 1,
    channels: int = 1,
    rate: int = RATE,
    block: int = 2,
    bits: int = 16,
    extra: bytes = b"",
    size: int | None = None,
) -> bytes:
    """Return a WAV file with any header, however untrue."""
    form = (
        struct.pack("<HHIIHH", kind, channels, rate, rate * block & 0xFFFFFFFF, block, bits) + extra
    )
    chunks = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", len(chunks) if size is None else size) + chunks


def multipart(
    *parts: tuple[str, bytes, str | None], boundary: str = "frontier"
) -> tuple[bytes, str]:
    """Return the body and the Content-Type of (name, data, media type) parts."""
    body = b""
    for name, data, media_type in parts:
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n'.encode()
        if media_type:
            body += f"Content-Type: {media_type}\r\n".encode()
        body += b"\r\n" + data + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
