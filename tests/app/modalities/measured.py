"""Run in a process of its own: the memory that encoders take, beside what they state.

Prints a line of JSON for each case: its name, the bytes that the process grew at its peak, and the
bytes that the encoder had stated.
"""

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from app.errors import InvalidInput
from app.modalities import Encoder, Payload, encoder_for
from app.modalities.audio.spec import AudioSpec
from app.modalities.image.colour import profile_of_chunks
from app.modalities.image.spec import ImageSpec
from app.modalities.text.spec import TextSpec
from app.modalities.tree.spec import TreeSpec
from app.modalities.words.spec import WordsSpec
from tests import media, pictures
from tests.fakes import tokenizer

SIZE = (1300, 1250)
Case = tuple[str, Encoder, Payload]


def files_of_pictures() -> Iterator[Case]:
    """A large picture in each mode and format, for models of several sizes."""
    grey = Image.effect_noise((130, 125), 80).resize(SIZE)
    rgb = Image.merge("RGB", [grey, grey.transpose(0), grey])
    rgba = rgb.copy()
    rgba.putalpha(grey)
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    turned = Image.Exif()
    turned[0x0112] = 6
    swapped = pictures.profile((0.3, 0.6), (0.64, 0.33))
    colours = profile_of_chunks(swapped[:4], swapped[4:])
    lzw = {"compression": "tiff_lzw"}
    png = {"compress_level": 1}
    files: dict[str, tuple[Image.Image, str, dict]] = {
        "rgb": (rgb, "PNG", png),
        "rgba": (rgba, "PNG", png),
        "rgba turned": (rgba, "PNG", {**png, "exif": turned}),
        "la": (rgba.convert("LA"), "PNG", png),
        "palette": (rgb.quantize(16), "PNG", {**png, "transparency": 3}),
        "16 bits": (deep, "PNG", png),
        "1 bit": (grey.convert("1"), "PNG", png),
        "jpeg": (rgb, "JPEG", {}),
        "jpeg gray": (grey, "JPEG", {}),
        "jpeg turned": (rgb, "JPEG", {"exif": turned}),
        "jpeg cmyk": (rgb.convert("CMYK"), "JPEG", {}),
        "jpeg progressive": (rgb, "JPEG", {"progressive": True, "subsampling": 0}),
        "jpeg progressive 4:2:0": (rgb, "JPEG", {"progressive": True, "subsampling": 2}),
        "jpeg progressive cmyk": (rgb.convert("CMYK"), "JPEG", {"progressive": True}),
        "tiff": (rgb, "TIFF", {}),
        "tiff turned": (rgb, "TIFF", {**lzw, "tiffinfo": {274: 6}}),
        "tiff one strip": (rgb, "TIFF", {**lzw, "strip_size": 2**31 - 1}),
        "tiff cmyk": (rgb.convert("CMYK"), "TIFF", lzw),
        "tiff ycbcr": (rgb.convert("YCbCr"), "TIFF", {"compression": "jpeg"}),
        "tiff 16 bits": (deep, "TIFF", lzw),
        "tiff fax": (grey.convert("1"), "TIFF", {"compression": "group4"}),
        "webp": (rgb, "WEBP", {"method": 0}),
        "webp lossless": (rgba, "WEBP", {"method": 0, "lossless": True, "quality": 0}),
        "gif": (grey, "GIF", {}),
        "gif transparent": (rgb.quantize(16), "GIF", {"transparency": 3, "disposal": 2}),
        "avif": (rgb, "AVIF", {"speed": 10}),
        "avif rgba turned": (rgba, "AVIF", {"speed": 10, "subsampling": "4:4:4", "exif": turned}),
        "rgba with a profile": (rgba, "PNG", {**png, "icc_profile": colours}),
        "jpeg with a profile": (rgb, "JPEG", {"icc_profile": colours}),
        "bmp": (rgb, "BMP", {}),
        "bmp 1 bit": (grey.convert("1"), "BMP", {}),
    }
    usual = encoder_for(ImageSpec(height=224, width=224), {})
    for name, (image, kind, options) in files.items():
        yield name, usual, Payload(media.saved(image, kind, **options), "image/x")
    yield "texts", usual, Payload(with_texts(media.saved(media.scene(600, 400))), "image/x")
    white = 65535 - np.asarray(deep)
    yield "0 is white", usual, Payload(pictures.tiff(white, 0), "image/x")
    for name, spec in {
        "tiny": ImageSpec(height=28, width=28, channels=1, fit="pad"),
        "large": ImageSpec(height=1200, width=900, fit="stretch", dtype="float32"),
        "turned": ImageSpec(height=1200, width=900, dtype="float32", layout="NCHW"),
        "wide": ImageSpec(height=20, width=1400, resample="bilinear", layout="NCHW"),
    }.items():
        for form in ("rgba turned", "jpeg", "jpeg gray", "16 bits"):
            image, kind, options = files[form]
            payload = Payload(media.saved(image, kind, **options), "image/x")
            yield f"{form}, {name} model", encoder_for(spec, {}), payload
    huge = rgba.resize((3000, 2800), Image.Resampling.NEAREST)
    late = Payload(media.saved(huge, icc_profile=colours, compress_level=1), "image/x")
    yield "reduced before its profile is applied", usual, late
    pixels = np.asarray(rgb)
    for order, big in ((">", True), ("<", False)):
        data = pictures.tiff(pixels, 2, order=order, big=big)
        yield f"TIFF, order {order}, big {big}", usual, Payload(data, "image/x")
    luma = media.saved(rgb.convert("YCbCr"), "TIFF", compression="tiff_lzw")
    yield "tiff ycbcr, lzw", usual, Payload(luma, "image/x")
    thin = rgba.resize((300, 4000))
    for name, image in {"tall": thin, "broad": thin.transpose(Image.Transpose.ROTATE_90)}.items():
        yield name, usual, Payload(media.saved(image, **png), "image/x")


def with_texts(png: bytes) -> bytes:
    """Return a PNG file with nine texts of a megabyte each."""
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for _ in range(9):
        info.add_text("comment", "x" * 2**20, zip=True)
    image = Image.open(io.BytesIO(png))
    return media.saved(image, pnginfo=info)


def sounds() -> Iterator[Case]:
    """A long sound in each format, with many channels, and at odd rates."""
    for kind, subtype, rate, channels, seconds, target in (
        ("WAV", "PCM_16", 44_100, 2, 10, 8_000),
        ("WAV", "PCM_16", 2_000, 1, 60, 48_000),
        ("WAV", "FLOAT", 48_000, 16, 3, 16_000),
        ("WAV", "IMA_ADPCM", 48_000, 1, 10, 8_000),
        ("FLAC", "PCM_16", 384_000, 2, 2, 16_000),
        ("FLAC", "PCM_16", 2_000, 1, 60, 48_000),
        ("OGG", "VORBIS", 48_000, 2, 5, 48_000),
        ("OGG", "OPUS", 48_000, 2, 5, 8_000),
        ("MP3", None, 44_100, 2, 5, 8_000),
    ):
        base = media.tone(200, 1, rate).astype(np.float32)
        signal = np.tile(base, seconds)[:, np.newaxis] * np.linspace(1, 0.5, channels)
        for antiphase in (False, True)[: channels if kind == "FLAC" else 1]:
            signal[:, 1::2] *= -1 if antiphase else 1
            file = io.BytesIO()
            soundfile.write(file, signal, rate, subtype, format=kind)
            encoder = encoder_for(AudioSpec(rate=target, samples=target), {})
            name = f"{kind} {subtype} {rate} Hz to {target} Hz, {channels} channels, {antiphase}"
            yield name, encoder, Payload(file.getvalue(), "audio/x")


def texts() -> Iterator[Case]:
    """Texts that grow when they are cleaned, split or parsed."""
    encoders = {
        "text": encoder_for(TextSpec(max_tokens=512), {"tokenizer.json": tokenizer()}),
        "tree": encoder_for(TreeSpec(notation="ptb"), {"vocabulary.txt": b"\na\nb"}),
        "words": encoder_for(
            WordsSpec(max_words=512, state=64), {"vocabulary.txt": b"<unk>\n<end>\na\n"}
        ),
    }
    emoji = "\U0001f600"
    for piece in ("a ", "a\n\n", "<p>", "<a href=x.y>", "&#60;", "A.b ", "ﷺ", "ﷺ ", "(0 ", "x"):
        for start in ("", emoji):
            for size in (20_000, 300_000):
                text = start + piece * (size // len(piece.encode()))
                for name, encoder in encoders.items():
                    what = f"{name}: {len(text)} of {start}{piece!r}"
                    yield what, encoder, Payload(text.encode(), "text/plain", "utf-8")
    tree = "(0 " * 400 + "(0 a)" + " (1 b))" * 400
    yield "tree", encoders["tree"], Payload(tree.encode(), "text/x-tree")


def resident(name: str) -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) * 1024


def main(cases: Callable[[], Iterator[Case]]) -> None:
    for name, encoder, payload in cases():
        stated = encoder.decode_bytes(payload)
        small = Payload(payload.data[: len(payload.data) // 2], payload.media_type)
        with suppress(InvalidInput):  # opens what is opened once
            encoder.encode(small)
        Path("/proc/self/clear_refs").write_text("5")
        before = resident("VmRSS")
        try:
            encoder.encode(payload)
        except InvalidInput as error:
            name = f"{name} ({error})"
        print(json.dumps([name, resident("VmHWM") - before, stated]), flush=True)


if __name__ == "__main__":
    main({"image": files_of_pictures, "audio": sounds, "text": texts}[sys.argv[1]])
