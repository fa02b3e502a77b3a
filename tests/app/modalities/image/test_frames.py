"""What is said of the further frames of a picture: what was counted, and no more."""

import numpy as np
import pytest
from PIL import Image

from app.modalities import Payload, encoder_for
from app.modalities.image.frames import Count, all_but_first, of_gif, of_webp
from app.modalities.image.spec import ImageSpec
from tests import headers, media

ENCODER = encoder_for(ImageSpec(height=16, width=16), {})
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (2400, 2400), np.uint8))
PIXEL = media.saved(Image.new("L", (1, 1)), "GIF")[:-1]  # without its end
FRAME = PIXEL[PIXEL.index(b",") :]


def test_a_large_gif_of_one_frame_has_one_frame() -> None:
    data = media.saved(NOISE, "GIF")
    assert len(data) > 6_000_000
    assert ENCODER.encode(Payload(data, "image/gif")).truncated is None
    assert of_gif(data) == Count(1)
    two = media.saved(NOISE, "GIF", save_all=True, append_images=[NOISE.rotate(90)])
    assert of_gif(two) == Count(2)
    assert of_gif(two[:-9]) == Count(2)


@pytest.mark.parametrize("size", [1, 200, 254, 255])
def test_blocks_of_every_size_are_counted(size: int) -> None:
    comment = b"!\xfe" + (bytes([size]) + b"," * size) * 100 + b"\0"
    assert of_gif(PIXEL + comment + FRAME + comment + b";") == Count(2)
    assert of_gif(PIXEL + comment + FRAME + comment[:-40]) == Count(2)


def test_what_cannot_be_counted_is_not_stated() -> None:
    many = b"!\xfe" + b"\1," * 200_001 + b"\0"
    assert of_gif(PIXEL + many + b";") == Count(1, is_all=False)
    assert of_gif(PIXEL + FRAME * 2 + many + FRAME + b";") == Count(3, is_all=False)
    animated = bytearray(headers.webp(9, 9))
    animated[20] |= 2
    assert of_webp(bytes(animated) + b"JUNK\0\0\0\0" * 200_001) == Count(0, is_all=False)


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (Count(1), None),
        (Count(0), None),
        (Count(2), "only the first of 2 frames was read"),
        (Count(2, is_all=False), "only the first of 2 or more frames was read"),
        (
            Count(1, is_all=False),
            "only the first frame was read; whether there are more was not counted",
        ),
    ],
)
def test_the_sentence_says_what_was_counted(count: Count, said: str | None) -> None:
    assert all_but_first(count, "frame") == said


def test_blocks_are_read_in_linear_time() -> None:
    for block in (b"\xff" * 256, b"\xff", b"\xfe" * 255):
        assert of_gif(PIXEL + b"!\xfe" + block * (10_000_000 // len(block))).found == 1
