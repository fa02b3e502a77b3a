"""Bundles for tests, with ONNX graphs of a few nodes.

No class of the service is imitated: ONNX Runtime runs these graphs, and `publish` writes these
bundles.
"""

from collections.abc import Mapping
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers

from app.bundle import Bundle, Conformal, Manifest, NoveltyScore, Provenance, publish
from app.bundle.publish import seal
from app.bundle.tensors import TensorSpec
from app.modalities import Payload
from app.modalities.audio.spec import AudioSpec
from app.modalities.image.spec import ImageSpec
from app.modalities.text.spec import TextSpec
from app.modalities.tree.spec import TreeSpec
from app.modalities.words.spec import WordsSpec
from app.pipeline import Golden, answer_golden
from app.registry import SHIPPED
from tests.graphs import (
    audio_graph,
    autoencoder_graph,
    faulty_graph,
    image_graph,
    novelty_graph,
)
from tests.language_graphs import text_graph, tree_graph, words_graph
from tests.media import RATE, picture, saved, scene, sound, tone

COLOURS = ("red", "green", "blue")
MOODS = ("glad", "sad")
SOUNDS = ("low", "high", "silent")
BLACK, WHITE, RED, BLUE = (0, 0, 0), (255, 255, 255), (255, 0, 0), (5, 10, 240)
SAMPLES = 4000
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
    """Return a tokenizer that splits at white space; a word that is not in WORDS is token 0."""
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
    """Return a sealed bundle whose golden cases have the answers of its own graph."""
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
    """Return a classifier of red, green and blue pictures."""
    cases = {
        "red.png": (picture(encode=("PNG",), colour=(250, 10, 20)), "image/png"),
        "blue.png": (picture(encode=("PNG",), colour=(5, 10, 240)), "image/png"),
    }
    encoder = ImageSpec(height=8, width=8, resample="bilinear")
    files = {"model.onnx": image_graph(8, sharpness)}
    return seal_bundle(name, encoder, COLOURS, files, cases, version=version)


def faulty_bundle(name: str = "faulty", version: int = 1) -> Bundle:
    """Return a classifier that fails on black, white and red pictures, see `faulty_graph`."""
    cases = {"blue.png": (plain(BLUE), "image/png")}
    encoder = ImageSpec(height=8, width=8, resample="bilinear")
    files = {"model.onnx": faulty_graph(8)}
    return seal_bundle(name, encoder, COLOURS, files, cases, version=version)


def plain(colour: tuple[int, int, int]) -> bytes:
    """Return a PNG of one colour."""
    return picture(encode=("PNG",), colour=colour)


def calibrated_bundle(name: str = "calibrated", version: int = 1, threshold: float = 0.6) -> Bundle:
    """Return a classifier of colours with prediction sets and novelty; it knows plain pictures."""
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
    files = {"model.onnx": novelty_graph(8)}
    return seal_bundle(name, encoder, COLOURS, files, cases, **fields)


def autoencoder_bundle(name: str = "plain-colours", version: int = 1) -> Bundle:
    """Return an autoencoder that reconstructs every picture in its mean colour."""
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
    """Return the classifier of `image_bundle` with the output `embedding`."""
    cases = {"red.png": (picture(encode=("PNG",), colour=(250, 10, 20)), "image/png")}
    encoder = ImageSpec(height=8, width=8, resample="bilinear")
    outputs = tuple(
        TensorSpec(name=output, dtype="float32", shape=("batch", 3))
        for output in ("probabilities", "embedding")
    )
    files = {"model.onnx": image_graph(8, embedding=True)}
    return seal_bundle(name, encoder, COLOURS, files, cases, version=version, outputs=outputs)


def text_bundle(name: str = "moods", version: int = 1) -> Bundle:
    """Return a classifier of glad and sad texts."""
    cases = {
        "glad.txt": (b"the day is good", "text/plain"),
        "sad.txt": (b"sorry the awful day is bad bad bad", "text/plain"),
    }
    files = {"model.onnx": text_graph(len(WORDS) + 1), "tokenizer.json": tokenizer()}
    return seal_bundle(
        name, TextSpec(max_tokens=16, tail_tokens=4), MOODS, files, cases, version=version
    )


def words_bundle(name: str = "prose", version: int = 1) -> Bundle:
    """Return a language model that predicts the words of PROSE in their order, in a circle."""
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
    fields = {"version": version, "outputs": outputs, "task": "complete"}
    return seal_bundle(name, spec, (), files, cases, **fields)


def audio_bundle(name: str = "sounds", version: int = 1) -> Bundle:
    """Return a classifier of low tones, high tones and silence."""
    cases = {
        "low.wav": (sound(tone(100)), "audio/wav"),
        "high.wav": (sound(tone(3000)), "audio/wav"),
    }
    encoder = AudioSpec(rate=RATE, samples=SAMPLES)
    return seal_bundle(name, encoder, SOUNDS, {"model.onnx": audio_graph()}, cases, version=version)


def explained(bundle: Bundle) -> Bundle:
    """Return the same bundle with a graph that has the output `saliency` too."""
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
    return seal(manifest.model_copy(update=changed), files, SHIPPED)


def tree_bundle(name: str = "parsed", version: int = 1) -> Bundle:
    """Return a classifier of trees that calls every phrase sad, and each word by its id."""
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


def publish_all(root: Path, *bundles: Bundle) -> Path:
    """Publish these bundles under `root`, by default one each for images, texts and sounds."""
    for bundle in bundles or (image_bundle(), text_bundle(), audio_bundle()):
        publish(bundle, root)
    return root


def publish_three_versions(root: Path) -> Path:
    """Publish the versions 1 to 3 of `mine`, and `moods`, and return the folder."""
    for version in (1, 2, 3):
        publish(image_bundle("mine", version=version), root)
    publish(text_bundle(), root)
    return root
