"""Every file of `../shared/inputs` that was misread is read or refused, if that folder exists."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from app.errors import InvalidInput
from app.modalities import Encoded, Payload, encoder_for
from app.modalities.audio.spec import AudioSpec
from app.modalities.image.spec import ImageSpec

FOLDER = Path(__file__).parents[4] / "shared" / "inputs"
PICTURES = encoder_for(ImageSpec(height=32, width=32, fit="stretch"), {})
SOUNDS = encoder_for(AudioSpec(rate=8000, samples=8000), {})
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="../shared/inputs is not here")
SAME = [
    ("tiff16-white-is-zero.tif", "tiff16-black-is-zero.tif"),
    ("png-icc-swapped-primaries.png", "png-icc-original.png"),
    ("png-bad-crc-in-comment.png", "png-icc-original.png"),
    ("wav-data-size-0.wav", "wav-16bit-reference.wav"),
    ("id3v24-footer.mp3", "zero-padding-after-id3.mp3"),
]
READ = ("jpeg-without-eoi.jpg", "png-ztxt-1.2mb.png", "png-iccp-1.2mb.png")
REFUSED = {
    "mpo-130-scans.jpg": "at most 100 scans",
    "jpeg-130-scans.jpg": "at most 100 scans",
    "tiff32-int-0-255.tif": "signed integers of 32 bits; convert",
    "tiff32-uint-full.tif": "integers of 32 bits.*; convert",
    "tiff16-signed.tif": "signed integers of 16 bits; convert",
    "float-wav-in-int16-range.wav": "float samples of -1 to 1, but they reach 17,373; if they were",
}


def encoded(name: str) -> Encoded:
    data = (FOLDER / name).read_bytes()
    encoder = SOUNDS if name.endswith((".wav", ".mp3")) else PICTURES
    return encoder.encode(Payload(gzip.decompress(data) if name.endswith(".gz") else data, "x/x"))


def array(name: str) -> np.ndarray:
    (made,) = encoded(name).arrays.values()
    return made


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_files_of_the_same_content_are_the_same(one: str, other: str) -> None:
    assert np.array_equal(array(one), array(other))
    assert array(one).any()


@pytest.mark.parametrize("name", READ)
def test_a_file_is_read(name: str) -> None:
    assert encoded(name).truncated is None
    assert array(name).std() > 9


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_is_refused_with_the_remedy(name: str) -> None:
    with pytest.raises(InvalidInput, match=REFUSED[name]):
        encoded(name)


def test_a_picture_whose_exif_is_far_is_upright() -> None:
    plain = array("jpeg-without-eoi.jpg").astype(int)  # the same scene, stored upright
    assert np.abs(array("jpeg-exif-after-64k.jpg.gz") - plain).mean() < 5
    assert np.abs(np.rot90(plain) - plain).mean() > 20


def test_frames_that_are_left_out_are_said() -> None:
    said = encoded("gif-first-frame-blank.gif").truncated
    assert said == "only the first of 2 frames was read"
