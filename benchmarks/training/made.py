"""Made samples, a function of their seed: short texts and small pictures, encoded or as files."""

import csv
import io
from pathlib import Path

import numpy as np
from PIL import Image

from app.modalities.image.spec import ImageSpec
from app.modalities.text.spec import TextSpec
from training.data.encode import Examples
from training.data.encoded import in_memory
from training.data.encoded_writer import EncodedWriter, pack_items

LABELS = 4
WORDS = 5_000  # of the made language
SIDE = 32  # pixels


def encoded_pictures(count: int, side: int, seed: int) -> Examples:
    """Return noise with a level of grey for each label, as encoded."""
    chance = np.random.default_rng(seed)
    targets = chance.integers(0, LABELS, count)
    pixels = chance.integers(0, 150, (count, side, side, 3)) + 25 * targets[:, None, None, None]
    items = in_memory({"image": pixels.astype(np.uint8)})
    return Examples(items, targets, [], ImageSpec(height=side, width=side).tensors())


def encoded_texts(count: int, longest: int, vocabulary: int, seed: int) -> Examples:
    """Return token ids, of which some lean to a label; lengths like those of short messages."""
    chance, specs = np.random.default_rng(seed), TextSpec(max_tokens=longest).tensors()
    targets = chance.integers(0, LABELS, count)
    lengths = np.clip(chance.lognormal(2.7, 0.7, count).astype(int), 1, longest)
    with EncodedWriter(lambda: Path(), most=1 << 62) as writer:
        for length, target in zip(lengths.tolist(), targets.tolist(), strict=True):
            ids = chance.integers(2, vocabulary, length)
            ids[::5] = 2 + target
            item = {"tokens": ids, "length": np.asarray(length, dtype=np.int64)}
            writer.add(pack_items([item], specs), 1)
        return Examples(writer.finish(), targets, [], specs)


def write_texts(path: Path, count: int, seed: int = 0) -> None:
    """Write a table of so many different short texts, with the columns text and label."""
    chance = np.random.default_rng(seed)
    words = np.asarray([_word(number) for number in range(WORDS)])
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        for start in range(0, count, 10_000):
            some = min(10_000, count - start)
            labels = chance.integers(0, LABELS, some)
            chosen = chance.integers(0, WORDS // 2, (some, 8)) + (labels * 500)[:, None]
            for number, (row, label) in enumerate(zip(words[chosen], labels, strict=True), start):
                table.writerow([f"{' '.join(row)} {number}", f"label-{label}"])


def write_pictures(folder: Path, count: int, seed: int = 0) -> None:
    """Write so many different PNG files, in a folder for each label."""
    chance = np.random.default_rng(seed)
    for label in range(LABELS):
        (folder / f"label-{label}").mkdir(parents=True)
    for number in range(count):
        label = number % LABELS
        coarse = chance.integers(0, 150, (4, 4, 3)) + 25 * label
        picture = Image.fromarray(coarse.astype(np.uint8)).resize(
            (SIDE, SIDE), Image.Resampling.NEAREST
        )
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", compress_level=1)
        (folder / f"label-{label}" / f"{number}.png").write_bytes(buffer.getvalue())


def _word(number: int) -> str:
    consonants, vowels = "bdfgklmnprstvz", "aeiou"
    found = ""
    for _ in range(3):
        number, consonant = divmod(number, len(consonants))
        number, vowel = divmod(number, len(vowels))
        found += consonants[consonant] + vowels[vowel]
    return found
