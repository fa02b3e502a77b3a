"""Outliers: what can be made here, packages in miniature, and packages that are missing."""

import bz2
import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image, ImageFont

from app.modalities import Payload, encoder_for
from app.modalities.image.spec import ImageSpec
from app.modalities.tree.spec import TreeSpec
from tests.training.samples import wav, write_tar
from training.data.encode import Examples
from training.data.sources import DataFile
from training.datasets.listops import VOCABULARY
from training.errors import MissingData
from training.outliers import gather, glyphs, prose, sentences, sounds, trees
from training.outliers.glyphs import LETTERS, PRINTED, picture
from training.outliers.prose import NEWS
from training.outliers.sentences import ARTICLES

VOCABULARY_FILE = ("\n".join(VOCABULARY) + "\n").encode()
SPEC = ImageSpec(height=28, width=28, channels=1, fit="pad")
LIKE = Examples([], np.zeros(0, np.int64), [], SPEC.tensors())


def absent(source: DataFile) -> Path:
    raise MissingData(f"{source.file} is not here: fetch {source.url}")


def test_letters_are_drawn_as_digits_are():
    pictures = glyphs(absent)["letters in print"]()
    assert len(pictures) == len(PRINTED) * len(LETTERS)
    for sample in pictures[::37]:
        pixels = np.asarray(Image.open(io.BytesIO(sample.payload.data)), dtype=float)
        rows, columns = np.nonzero(pixels.sum(1))[0], np.nonzero(pixels.sum(0))[0]
        assert pixels.shape == (28, 28) and pixels.max() > 150
        assert max(np.ptp(rows), np.ptp(columns)) in (18, 19, 20)
    assert not {"O", "l", "S"} & set(LETTERS)


def test_the_centre_of_mass_is_central():
    pixels = picture(ImageFont.load_default(96), "L").astype(float)
    for axis in (0, 1):
        centre = np.average(np.arange(28) + 0.5, weights=pixels.sum(axis))
        assert centre == pytest.approx(14, abs=1)


def test_noises_are_the_same_each_time_and_can_be_read():
    first, second = (sounds(absent)["noises"]() for _ in range(2))
    assert [s.payload.data for s in first] == [s.payload.data for s in second]
    for sample in first[:8]:
        wave, rate = soundfile.read(io.BytesIO(sample.payload.data))
        assert rate == 8000 and 0.3 <= len(wave) / rate <= 1 and 0.6 < np.abs(wave).max() < 0.8


def test_a_package_of_sounds_is_cut(tmp_path: Path):
    package = tmp_path / "arcade.whl"
    tone = np.sin(np.arange(24000) * 0.3)
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("arcade/resources/music/piece.wav", wav(tone))
        archive.writestr("arcade/resources/sounds/hit.wav", wav(tone[:900]))
        archive.writestr("arcade/resources/sounds/silence.wav", wav(tone[:900] * 0))
    kinds = sounds(lambda _: package)
    assert [s.name for s in kinds["sound effects"]()] == ["hit.wav"]
    music = kinds["music"]()
    assert len(music) == 200 and len({s.payload.data for s in music}) > 150
    assert soundfile.info(io.BytesIO(music[0].payload.data)).frames == 8000


def test_packages_of_prose_are_read(tmp_path: Path):
    chapter = "\n\n".join(f"Paragraph {i}." for i in range(10)).encode()
    novel = write_tar(tmp_path / "novel.tgz", {"package/data/chapter_1.txt": chapter})
    news = tmp_path / "gensim.whl"
    with zipfile.ZipFile(news, "w") as archive:
        archive.writestr("gensim/test/test_data/lee_background.cor", "One.\nTwo.\n")
    kinds = prose(lambda source: novel if "moby" in source.file else news)
    page = kinds["pages of a novel"]()[0].payload.data.decode()
    assert page.startswith("Paragraph 2.") and page.endswith("Paragraph 7.")
    assert [s.payload.data for s in kinds["news"]()] == [b"One.", b"Two."]


SENTENCES = [f"The {word} man of the town said so." for word in ("first", "second", "third")]
PASSAGE = " ".join(["Half of it.", *SENTENCES, "Too short.", "Cut off"])


def test_sentences_of_some_length_are_cut_out_of_everything(tmp_path: Path):
    """Of each piece all but the first and last, without markup, quotations and programs."""
    novel, package, mails = (tmp_path / name for name in ("novel.tgz", "gensim.whl", "mails.bz2"))
    write_tar(novel, {"package/data/chapter_1.txt": PASSAGE.encode()})
    head = "Subject: x\nContent-Type: text/plain\n\n> The quoted man of the town said so.\n"
    write_tar(
        mails, {"easy_ham/00001.7c53336b37003a9286aba55d2945844c": f"{head}{PASSAGE}\n".encode()}
    )
    linked = PASSAGE.replace("first man", "{{cite {{web}}}}[[Man|first man]]<ref>x</ref>")
    article = f"<text>== Heading ==\n{linked} {'and so on ' * 30}\n</text>"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr(NEWS, f"{PASSAGE}\n")
        archive.writestr(ARTICLES, bz2.compress(article.encode()))
        archive.writestr(
            "gensim/one.py", f'def f():\n    "{PASSAGE}"\n    return "{SENTENCES[0]}"\n'
        )

    def find(source: DataFile) -> Path:
        return novel if "moby" in source.file else package if "gensim" in source.file else mails

    kinds = sentences(find)
    pieces = (
        "pages of a novel",
        "news",
        "e-mails",
        "an encyclopaedia",
        "a program's documentation",
    )
    assert set(kinds) == {f"sentences of {kind}" for kind in (*pieces, "speeches")}
    for kind in pieces:
        found = [sample.payload.data.decode() for sample in kinds[f"sentences of {kind}"]()]
        assert sorted(found) == sorted(SENTENCES), kind


def test_missing_outlier_package_is_a_warning(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.delenv("THALAMUS_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    found = gather(glyphs, tmp_path / "no.tgz", encoder_for(SPEC, {}), LIKE)
    assert set(found) == {"letters in print"}
    assert len(found["letters in print"]) == len(PRINTED) * len(LETTERS)
    said = capsys.readouterr().err
    assert "not measured against emoji" in said and "npm pack @fontsource/noto-emoji" in said


def test_trees_have_the_shapes_of_sentences_functions_and_lists(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "trees.zip", "w") as archive:
        archive.writestr("trees/train.txt", "(2 (2 never) (2 drawn))\n")
        archive.writestr("trees/dev.txt", "(3 (2 It) (4 (4 works) (2 .)))\n(2 (2 too) (2 short))\n")
    with zipfile.ZipFile(tmp_path / "gensim.whl", "w") as archive:
        archive.writestr("gensim/one.py", "def f(a, b):\n    return a + b * 2\n")
    files = {"trainDevTestTrees_PTB.zip": "trees.zip"}
    kinds = trees(lambda source: tmp_path / files.get(source.file, "gensim.whl"))
    drawn = {kind: [s.payload.data.decode() for s in read()] for kind, read in kinds.items()}
    (sentence,) = drawn["parse trees"]
    assert re.fullmatch(r"\[\w+ \d \[\w+ \d \d \] \]", sentence)
    assert len(drawn["a program's functions"]) == 1
    assert all(
        digit in "01" for text in drawn["noughts and ones"] for digit in re.findall(r"\d", text)
    )
    encoder = encoder_for(TreeSpec(notation="listops"), {"vocabulary.txt": VOCABULARY_FILE})
    for kind, texts in drawn.items():
        for text in texts[:20]:
            assert encoder.encode(Payload(text.encode(), "text/plain")).arrays["levels"].size, kind
    assert drawn == {k: [s.payload.data.decode() for s in read()] for k, read in kinds.items()}
