"""The payloads: real photos, texts and sounds, the same every time.

They are cut from the golden cases of the shipped models.
"""

import io
from pathlib import Path

import numpy as np
import soundfile
import soxr
from PIL import Image, ImageOps
from tokenizers import Tokenizer

MODELS = Path(__file__).parent.parent / "models"
SHORTEST, LONGEST = 10, 400  # tokens of a text
RATE = 16_000  # Hz


def photos(count: int, size: tuple[int, int], limit: int) -> list[bytes]:
    """Return JPEGs of `size`, each a little smaller than `limit` bytes."""
    random = np.random.default_rng(0)
    files = (io.BytesIO(p.read_bytes()) for p in sorted(MODELS.glob("imagenet/1/golden/*.jpg")))
    sources = [Image.open(file) for file in files]
    return [_jpeg(_part(sources[i % len(sources)], size, random), limit) for i in range(count)]


def _part(photo: Image.Image, size: tuple[int, int], random: np.random.Generator) -> Image.Image:
    left, top = random.uniform(0, 0.5, 2) * photo.size
    width, height = random.uniform(0.3, 0.5, 2) * photo.size
    part = photo.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))
    return ImageOps.mirror(part) if random.random() < 0.5 else part


def _jpeg(picture: Image.Image, limit: int) -> bytes:
    for quality in range(98, 10, -2):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, subsampling=2)
        if file.tell() <= limit:
            break
    return file.getvalue()


def texts(count: int) -> list[bytes]:
    """Return texts whose numbers of tokens are even on a logarithmic scale."""
    tokenizer = Tokenizer.from_file(str(MODELS / "spam/1/tokenizer.json"))
    letters = [path.read_text() for path in sorted(MODELS.glob("spam/1/golden/*.txt"))]
    lengths = np.geomspace(SHORTEST, LONGEST, count).round().astype(int)
    np.random.default_rng(0).shuffle(lengths)
    found = []
    for index, length in enumerate(lengths):
        words = "\n".join(letters[(index + i) % len(letters)] for i in range(len(letters)))
        end = tokenizer.encode(words, add_special_tokens=False).offsets[length - 1][1]
        found.append(words[:end].encode())
    return found


def sounds() -> list[bytes]:
    """Return spoken digits as WAV files of one second at 16 kHz, 16 bits."""
    found = []
    for path in sorted(MODELS.glob("spoken-digits/1/golden/*.wav")):
        samples, rate = soundfile.read(path, dtype="float32")
        second = np.zeros(RATE, dtype=np.float32)
        resampled = soxr.resample(samples, rate, RATE)[:RATE]
        second[: resampled.size] = resampled
        file = io.BytesIO()
        soundfile.write(file, second, RATE, format="WAV", subtype="PCM_16")
        found.append(file.getvalue())
    return found
