"""What encoders state about their memory, beside what a process really takes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.batching.memory_budget import QUICK, SMALL
from app.modalities import Payload, encoder_for
from app.modalities.audio.spec import AudioSpec
from app.modalities.image.spec import ImageSpec
from app.modalities.text.spec import TextSpec
from tests import media
from tests.fakes import tokenizer
from tests.headers import bmp, gif, jpeg, png, tiff, webp

SLACK = 2**20  # bytes: pages that are touched for the first time
DEFAULT = 384 * 2**20


def resettable() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.skipif(not resettable(), reason="needs Linux's count of the most memory in use")
@pytest.mark.parametrize("kind", ["image", "audio", "text"])
def test_no_encoder_takes_more_than_it_states(kind: str) -> None:
    # Freed memory is returned at once, so that no case hides in what one before has left.
    environment = {
        **os.environ,
        "MALLOC_MMAP_THRESHOLD_": "65536",
        "MALLOC_TRIM_THRESHOLD_": "0",
        "MALLOC_ARENA_MAX": "1",
    }
    command = [sys.executable, "-W", "ignore", "-m", "tests.app.modalities.measured", kind]
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    cases = [json.loads(line) for line in output.stdout.splitlines()]
    assert len(cases) > 9
    over = [(name, grown, stated) for name, grown, stated in cases if grown > stated + SLACK]
    assert not over
    damaged = [name for name, *_ in cases if "damaged" in name or "contradicts" in name]
    assert not damaged


def large(width: int, height: int) -> dict[str, bytes]:
    return {
        **{f"PNG {kind} {bits}": png(width, height, kind, bits) for kind, bits in PNG},
        "JPEG": jpeg(width, height),
        "progressive JPEG": jpeg(width, height, progressive=True),
        "GIF": gif(width, height),
        "BMP": bmp(width, height),
        "TIFF": tiff(width, height, samples=4, rows=8),
    }


PNG = ((0, 1), (0, 8), (0, 16), (2, 8), (2, 16), (3, 8), (4, 8), (6, 8), (6, 16))


@pytest.mark.parametrize("size", [28, 224, 384])
@pytest.mark.parametrize("name", large(1, 1))
def test_the_largest_picture_of_every_kind_fits_into_the_default_budget(
    name: str, size: int
) -> None:
    encoder = encoder_for(ImageSpec(height=size, width=size), {})
    assert encoder.decode_bytes(Payload(large(8000, 8000)[name], "image/x")) < DEFAULT


@pytest.mark.parametrize(
    "data",
    [
        webp(8000, 8000),
        tiff(8000, 8000, samples=4, rows=8000),
        bmp(8000, 8000, compression=1, bits=8)[:60] + b"\0" * 9,
        png(64_000_000, 1, 2, 8),
        jpeg(8000, 8000, progressive=True, components=4),
    ],
)
def test_large_pictures_are_stated_to_need_300_mib(data: bytes) -> None:
    encoder = encoder_for(ImageSpec(height=224, width=224), {})
    assert encoder.decode_bytes(Payload(data, "image/x")) > 300 * 2**20


def test_a_file_that_nothing_opens_takes_nothing() -> None:
    encoder = encoder_for(ImageSpec(height=224, width=224), {})
    for data in (b"", b"text", b"\x89PNG\r\n\x1a\n", b"BM", b"GIF89a", b"II*\0" + b"\xff" * 40):
        assert encoder.decode_bytes(Payload(data, "image/x")) == 0


def test_small_items_need_no_memory_budget() -> None:
    """The batcher takes no memory for it: the promise of `Encoder.decode_bytes`."""
    picture = encoder_for(ImageSpec(height=28, width=28), {})
    sound = encoder_for(AudioSpec(rate=48_000, samples=400), {})
    text = encoder_for(TextSpec(max_tokens=8192), {"tokenizer.json": tokenizer()})
    cases = [
        (picture, file) for width in (50, 150, 211, 300) for file in large(width, width).values()
    ]
    cases += [(picture, file) for file in large(45_000, 1).values()]
    cases += [(sound, media.wav(b"\0" * size, rate=2000)) for size in (100, 9000, 19_000, 30_000)]
    cases += [(sound, media.sound(media.tone(440, 0.1), kind="FLAC"))]
    cases += [(text, "ﷺ".encode() * size) for size in (1, 100, 310, 400)]
    asked = [encoder.cost(Payload(data, "x/y")) > QUICK for encoder, data in cases]
    assert any(asked)
    for (encoder, data), is_asked in zip(cases, asked, strict=True):
        assert is_asked or encoder.decode_bytes(Payload(data, "x/y")) <= SMALL
