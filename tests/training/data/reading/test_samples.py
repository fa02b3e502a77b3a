"""Fingerprints, the case of codes, pictures that look the same, and stores in other processes."""

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.errors import InvalidInput
from app.modalities import Payload
from tests.training.data.reading.made import SOUND, as_format, fill, load, picture, pictures, table
from tests.training.samples import png, wav
from training.data.fingerprints import (
    picture_fingerprint,
    picture_type,
    sound_fingerprint,
    sound_type,
    text_key,
)
from training.data.reading.case import keeps_case
from training.errors import MissingData
from training.modalities.image import prepare_images


def photo(seed: int, side: int = 160) -> np.ndarray:
    """Smooth patches of colour, as a photo has them."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


def test_a_picture_is_what_the_default_encoder_reads():
    spec, files = prepare_images(())
    from app.modalities import encoder_for

    payload = Payload(picture(1), "image/png")
    array = encoder_for(spec, files).encode(payload).arrays["image"]
    assert picture_fingerprint(payload, False).key == array.tobytes()
    same = Payload(as_format(picture(1), "BMP"), "image/bmp")
    assert picture_fingerprint(same, False) == picture_fingerprint(payload, False)


def test_a_sound_is_its_samples():
    as_float = io.BytesIO()
    import soundfile

    pcm, rate = soundfile.read(io.BytesIO(SOUND), dtype="int16")
    soundfile.write(as_float, pcm, rate, format="FLAC", subtype="PCM_16")
    keys = {
        sound_fingerprint(Payload(d, "audio/wav"), False).key for d in (SOUND, as_float.getvalue())
    }
    assert len(keys) == 1
    other = Payload(wav(np.sin(np.arange(1601))), "audio/wav")
    assert sound_fingerprint(other, False).key not in keys


def test_a_text_is_its_words():
    assert text_key("A  b\n", False) == text_key("a b", False) == b"a b"
    assert text_key(" A  b\n", True) == b"A b"
    assert text_key("cafe\u0301", True) == "café".encode()
    for text in ("", " \n", "\u200b"):
        with pytest.raises(InvalidInput):
            text_key(text, False)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"])
def test_pictures_are_recognised(form: str):
    assert picture_type(as_format(picture(0), form)[:4096]) == f"image/{form.lower()}"


def test_sounds_are_recognised_and_texts_are_neither():
    assert sound_type(SOUND[:4096]) == "audio/wav"
    assert sound_type(b"ID3\x04") == sound_type(b"\xff\xfb\x90\x00") == "audio/mpeg"
    for text in (b"BMW is a car", b"RIFF", b"GIF", b"II", b"words", "\ufeffwords".encode("utf-16")):
        assert picture_type(text) is None and sound_type(text) is None


@pytest.mark.parametrize(
    ("texts", "kept"),
    [
        (["CC#N", "c1ccccc1", "C1CCCCC1"], True),
        (["ACGTAC", "GATTACA"], True),
        (["x86_64", "AB-12", "KL-99"], True),
        (["Maria", "john", "Ann"], False),
        (["some words", "More Words"], False),
        (["房间很大", "环境不错"], False),
        (["größe", "Straße"], False),
        (["SHOUTED WORDS", "MORE"], False),
        ([], False),
    ],
)
def test_codes_keep_their_case(texts: list[str], kept: bool):
    assert keeps_case(texts, "auto") == kept
    assert keeps_case(texts, "keep") and not keeps_case(texts, "lower")


def test_pictures_that_look_the_same_are_named_across_labels_first(tmp_path: Path):
    for i in range(8):
        fill(tmp_path, {f"{'ab'[i % 2]}/{i}.png": png(photo(i))})
    smaller = Image.fromarray(photo(0)).resize((120, 120), Image.Resampling.BICUBIC)
    fill(
        tmp_path,
        {
            "a/same.jpg": as_format(png(photo(2)), "JPEG", quality=70),
            "b/smaller.png": png(np.asarray(smaller)),
        },
    )
    data = load(tmp_path)
    assert data.warnings == [
        "look nearly the same: a/0.png (a) and b/smaller.png (b)",
        "look nearly the same: a/2.png (a) and a/same.jpg (a)",
    ]


def test_different_drawings_are_not_accused(tmp_path: Path):
    for i in range(30):
        fill(tmp_path, {f"{'ab'[i % 2]}/{i}.png": picture(i)})
        fill(tmp_path, {f"a/blank{i}.png": png(np.full((8, 8), i, np.uint8))})
    assert load(tmp_path).warnings == []


def test_a_store_can_be_sent_to_another_process(tmp_path: Path):
    texts = load(table(tmp_path / "t.csv", "text,label\none,a\ntwo,b\n"))
    files = load(pictures(tmp_path / "f", "a", "b"))
    for data in (texts, files):
        sent = pickle.loads(pickle.dumps(data.samples))
        assert list(sent) == list(data.samples)
        assert len(pickle.dumps(data.samples.store)) < 1_000


def test_a_file_that_went_away_is_named(tmp_path: Path):
    data = load(pictures(tmp_path, "a", "b"))
    (tmp_path / "a" / "0.png").unlink()
    with pytest.raises(MissingData, match=r"a/0\.png cannot be read any more"):
        data.samples[0]


def test_a_row_of_a_table_takes_a_hundred_bytes(tmp_path: Path):
    rows = "\n".join(f"some words number {i},{'ab'[i % 2]}" for i in range(2_000))
    samples = load(table(tmp_path / "t.csv", f"text,label\n{rows}\n")).samples
    columns = (samples.rows, samples.labels, samples.keys, samples.contents, samples.groups)
    assert sum(column.nbytes for column in (*columns, samples.fixed)) <= 100 * len(samples)


def test_a_stray_film_is_not_read_whole(tmp_path: Path):
    data = fill(pictures(tmp_path, "a", "b"), {"a/film.mp4": b"\0\0\0 ftypmp42"})
    try:
        os.truncate(data / "a" / "film.mp4", 1 << 40)  # a tebibyte of nothing: no memory holds it
    except OSError:
        pytest.skip("this file system takes no such files")
    read = load(data)
    assert read.counts() == {"a": 3, "b": 3}
    assert read.unreadable == ["a/film.mp4 (neither image, sound nor text)"]
