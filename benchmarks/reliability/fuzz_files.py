"""Small files of every kind that is read, whole and mutated, for `fuzz`.

A mutation is one that decoders are known to fall over: numbers at their limits, pieces that are
cut out, doubled or come from another file, mostly in the first kilobyte, where headers are.
"""

import io
import itertools
from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import soundfile
from PIL import Image

from benchmarks.inputs import MODELS

ROOT = MODELS.parent
KINDS = ("image", "audio", "text", "tree", "words")
_LIMITS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_HEAD = 1024  # bytes; in most mutations
_GOLDEN = {
    "image": ("imagenet/1/golden/*.jpg", "digits/1/golden/*.png"),
    "audio": ("spoken-digits/1/golden/*.wav",),
    "text": ("spam/1/golden/*.txt",),
    "tree": ("sentiment/1/golden/*.txt", "listops/1/golden/*.txt"),
    "words": ("completion/1/golden/*.txt",),
}


def whole_files(kind: str) -> list[bytes]:
    """Return files of a kind that are read: golden payloads, and one of each format and mode."""
    found = [path.read_bytes() for name in _GOLDEN[kind] for path in sorted(MODELS.glob(name))]
    if kind == "image":
        found += [*_pictures(), *(path.read_bytes() for path in ROOT.glob("tests/**/*.heic"))]
    elif kind == "audio":
        found += [*_sounds(), *_recordings()]
    elif kind == "tree":
        found += [b"(S (NP (PRP It)) (VP (VBZ 's) (ADJP (JJ good))) (. .))", b"( ( a ) ( b ) )"]
    else:
        found += [data.decode().encode(code) for data in found[:2] for code in ("utf-16", "utf-32")]
    return found


def _pictures() -> Iterator[bytes]:
    noise = np.random.default_rng(0).integers(0, 256, (23, 31, 4), np.uint8)
    picture = Image.fromarray(noise)
    exif = Image.Exif()
    exif[0x0112] = 6
    icc = b"\0" * 200
    kinds = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "MPO")
    for kind, mode in itertools.product(
        kinds, ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16")
    ):
        options: dict[str, object] = {"exif": exif} if kind not in ("GIF", "BMP") else {}
        if kind in ("PNG", "JPEG", "WEBP", "TIFF"):
            options["icc_profile"] = icc
        if mode == "I;16":
            deep = Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
            image = deep
        else:
            image = picture.convert("RGB").convert(mode) if mode != "RGBA" else picture
        variants: list[dict[str, object]] = [{}]
        if kind == "TIFF":
            variants += [
                {"compression": f"tiff_{name}"} for name in ("lzw", "adobe_deflate", "jpeg")
            ]
            variants += [{"big_tiff": True}, {"compression": "packbits"}]
        elif kind == "JPEG":
            variants += [{"progressive": True}, {"subsampling": 0}]
        elif kind in ("WEBP", "GIF", "PNG", "AVIF"):
            variants += [{"save_all": True, "append_images": [image.rotate(9)]}, {"lossless": True}]
        for variant in variants:
            file = io.BytesIO()
            with suppress(OSError, ValueError, KeyError, TypeError, RuntimeError):
                image.save(file, kind, **options, **variant)
                yield file.getvalue()


def _sounds() -> Iterator[bytes]:
    tone = 0.5 * np.sin(np.arange(4000) / 3)
    for kind in ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3"):
        for subtype in soundfile.available_subtypes(kind):
            for channels in (1, 2):
                file = io.BytesIO()
                with suppress(soundfile.SoundFileError, ValueError, TypeError):
                    signal = np.stack([tone] * channels, axis=1)
                    soundfile.write(file, signal, 16_000, subtype, format=kind)
                    yield file.getvalue()


def _recordings() -> Iterator[bytes]:
    """Yield what PyAV writes, where it is installed."""
    try:
        import av
    except ImportError:
        return
    for kind, codec in (
        *(("webm", "libopus"), ("matroska", "flac"), ("matroska", "pcm_s16le")),
        *(("mp4", "aac"), ("ipod", "alac"), ("mov", "pcm_s24be"), ("adts", "aac")),
    ):
        file = io.BytesIO()
        with suppress(av.FFmpegError, ValueError, OSError):
            with av.open(file, "w", format=kind) as container:
                stream = container.add_stream(codec, rate=48_000)
                samples = (np.sin(np.arange(4800) / 9) * 9000).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(samples[np.newaxis], "s16", "mono")
                frame.sample_rate = 48_000
                for packet in [*stream.encode(frame), *stream.encode(None)]:
                    container.mux(packet)
            yield file.getvalue()


def mutated(files: list[bytes], random: np.random.Generator) -> bytes:
    """Return one of the files with one to eight mutations."""
    data = bytearray(files[random.integers(len(files))])
    for _ in range(random.integers(1, 9)):
        reach = len(data) if random.random() < 0.3 else min(len(data), _HEAD)
        if not reach:
            break
        place = int(random.integers(reach))
        _mutate(data, place, files, random)
    return bytes(data)


def _mutate(data: bytearray, place: int, files: list[bytes], random: np.random.Generator) -> None:
    length = int(random.integers(1, 64))
    match random.integers(8):
        case 0 | 1:
            data[place] ^= 1 << int(random.integers(8))
        case 2:
            data[place] = int(random.integers(256))
        case 3 | 4:
            width = int(random.choice([1, 2, 4, 8]))
            limit = _LIMITS[random.integers(len(_LIMITS))] % 2 ** (8 * width)
            order = ("little", "big")[random.integers(2)]
            data[place : place + width] = limit.to_bytes(width, order)
        case 5:
            del data[place : place + length]
        case 6:
            data[place:place] = data[place : place + length] * int(random.integers(1, 200))
        case _:
            other = files[random.integers(len(files))]
            start = int(random.integers(max(len(other), 1)))
            data[place : place + length] = other[start : start + length]
