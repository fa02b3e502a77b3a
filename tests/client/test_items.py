"""What is sent for each kind of item."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import media
from thalamus_client import File
from thalamus_client.items import files_of, multipart

ANY = "application/octet-stream"


def test_a_str_is_a_text_and_a_path_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert files_of("été") == [File("été".encode(), "text/plain; charset=utf-8")]
    assert files_of([tmp_path / "a", b"x", bytearray(b"y"), File(b"z", "image/png")]) == [
        File(b"abc", ANY),
        File(b"x", ANY),
        File(b"y", ANY),
        File(b"z", "image/png"),
    ]
    with pytest.raises(FileNotFoundError):
        files_of(tmp_path / "nowhere")


@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 1), (3, 5, 3), (3, 5, 4), (1, 1)])
def test_an_array_is_a_png_of_its_pixels(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    for array in (pixels, pixels[::-1], np.asfortranarray(pixels)):
        [file] = files_of(array)
        assert file.media_type == "image/png"
        shown = np.asarray(Image.open(io.BytesIO(file.data)))
        assert (shown == array.reshape(shown.shape)).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr"])
def test_an_image_of_any_mode_is_a_png(mode: str) -> None:
    image = media.scene().convert(mode)
    [file] = files_of(image)
    shown = Image.open(io.BytesIO(file.data))
    assert (shown.format, shown.size) == ("PNG", image.size)
    assert shown.convert("RGB").tobytes() == image.convert("RGB").tobytes()


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        (np.zeros((3, 3)), ValueError),
        (np.zeros((3, 3, 2), np.uint8), ValueError),
        (np.zeros((0, 3), np.uint8), ValueError),
        (np.zeros(3, np.uint8), ValueError),
        ([], ValueError),
        (7, TypeError),
        ({"b64": "x"}, TypeError),
    ],
)
def test_what_is_no_item_is_refused_here(wrong: object, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="expected"):
        files_of(wrong)  # type: ignore[arg-type]


def test_several_items_are_parts_of_a_form() -> None:
    assert multipart(files_of(["a", b"b"])) == [
        ("file", ("0", b"a", "text/plain; charset=utf-8")),
        ("file", ("1", b"b", ANY)),
    ]
