"""EncodedSplit samples are the same in memory and in files, from one process and from several."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.batching.collate import collate
from app.errors import NotWritten
from app.modalities import Encoder, encoder_for
from app.modalities.image.spec import ImageSpec
from app.modalities.text.spec import TextSpec
from app.modalities.tree.spec import TreeSpec
from tests.training.samples import digit, png, sentence
from tests.training.stored import in_files
from training.data.dataset import SampleTable, name_of
from training.data.encode import EncodingLimits, Examples, encode
from training.data.encoded import EncodedItems
from training.data.encoded_folder import KeptEncoded
from training.data.encoding_processes import part_size
from training.data.tokenizers import train_tokenizer
from training.datasets import listops
from training.errors import MissingData

RNG = np.random.default_rng(1)
TEXTS = [sentence("ham", RNG, int(RNG.integers(1, 12))) for _ in range(70)]
TREES = ["[MAX 2 9 ]", "7", "[SM 1 [MIN 3 4 ] ]", "[MAX 2 "] * 9
LIMITS = {
    "files": EncodingLimits(in_memory=0, processes=1),
    "processes": EncodingLimits(worthwhile=0, processes=2),
    "both": EncodingLimits(in_memory=0, worthwhile=0, processes=2),
    "half in memory": EncodingLimits(in_memory=900, processes=1),
}
IN_MEMORY = EncodingLimits(processes=1)


def texts(folder: Path) -> tuple[Encoder, SampleTable]:
    spec = TextSpec(max_tokens=8)
    encoder = encoder_for(spec, {spec.tokenizer: train_tokenizer(TEXTS, 200)})
    return encoder, in_files(folder, [(t.encode(), "ab"[i % 2]) for i, t in enumerate(TEXTS)])


def pictures(folder: Path) -> tuple[Encoder, SampleTable]:
    contents = [png(digit(i % 10, RNG)) if i % 7 else b"\x89broken" for i in range(40)]
    table = in_files(folder, [(data, "ab"[i % 2]) for i, data in enumerate(contents)])
    return encoder_for(ImageSpec(height=200, width=220, channels=3, fit="pad"), {}), table


def trees(folder: Path) -> tuple[Encoder, SampleTable]:
    spec = TreeSpec(notation="listops")
    encoder = encoder_for(spec, {spec.vocabulary: "\n".join(listops.VOCABULARY).encode()})
    table = in_files(folder, [(t.encode(), "ab"[i % 2]) for i, t in enumerate(TREES)])
    return encoder, replace(table, store=replace(table.store, media_type="text/plain"))


def encoded(encoder: Encoder, table: SampleTable, limits: EncodingLimits = IN_MEMORY) -> Examples:
    return encode(encoder, table, ("a", "b"), encoder.spec.tensors(), limits)[0]


def same(found: Examples, expected: Examples) -> None:
    assert isinstance(found.items, EncodedItems)
    assert found.items.digest == expected.items.digest
    assert len(found) == len(expected)
    for one, other in zip(found.items, expected.items, strict=True):
        assert list(one) == list(other)
        for name in one:
            assert one[name].shape == other[name].shape and one[name].dtype == other[name].dtype
            assert np.array_equal(one[name], other[name])
    assert np.array_equal(found.lengths(), expected.lengths())
    assert np.array_equal(found.targets, expected.targets)
    assert names(found) == names(expected)


def names(examples: Examples) -> list[str]:
    return [name_of(examples.samples, place) for place in range(len(examples))]


@pytest.mark.slow
@pytest.mark.parametrize("limits", LIMITS.values(), ids=LIMITS)
@pytest.mark.parametrize("kind", [texts, pictures, trees])
def test_files_and_processes_change_nothing(
    kind: Callable[[Path], tuple[Encoder, SampleTable]], limits: EncodingLimits, tmp_path: Path
):
    encoder, table = kind(tmp_path)
    specs = encoder.spec.tensors()
    expected, lost = encode(encoder, table, ("a", "b"), specs, IN_MEMORY)
    found, lost_too = encode(encoder, table, ("a", "b"), specs, limits)
    assert lost == lost_too and (kind is texts) == (not lost)
    assert all(line.split(".bin (")[0].isdigit() for line in lost)
    same(found, expected)


@pytest.mark.parametrize("kind", [texts, pictures, trees])
@pytest.mark.parametrize("name", ["files", "half in memory"])
def test_batches_are_those_of_collate(kind, name: str, tmp_path: Path):
    encoder, table = kind(tmp_path)
    found = encoded(encoder, table, LIMITS[name])
    for indices in ([3], [0, 5, 2], range(len(found)), [4, 4]):
        expected = collate([found.items[i] for i in indices], found.inputs)
        arrays, targets = found.batch(indices)
        for array, wanted in zip(arrays, expected.values(), strict=True):
            assert np.array_equal(array, wanted) and array.dtype == wanted.dtype
        assert np.array_equal(targets, found.targets[list(indices)])


def test_parts_and_slices_are_views_of_the_same_samples(tmp_path: Path):
    found = encoded(*texts(tmp_path), LIMITS["files"])
    some = found.select([5, 2, 9]).select([2, 0])
    assert np.array_equal(some.items[0]["tokens"], found.items[9]["tokens"])
    assert np.array_equal(some.items[1]["tokens"], found.items[5]["tokens"])
    assert [len(item["tokens"]) for item in found.items[3:6]] == found.lengths()[3:6].tolist()
    digests = {found.items.digest, some.items.digest, found.select([5, 9]).items.digest}
    assert len(digests) == 3


def test_a_part_holds_megabytes_not_samples():
    sizes = [ImageSpec(height=side, width=side).tensors() for side in (8, 64, 224, 2000)]
    assert [part_size(specs) for specs in sizes] == sorted(map(part_size, sizes), reverse=True)
    assert part_size(sizes[0]) == 256 and part_size(sizes[-1]) == 8


def test_a_resumed_run_reads_no_payload_again(tmp_path: Path):
    encoder, table = texts(tmp_path / "data")
    expected = encoded(encoder, table)
    with KeptEncoded(tmp_path / "kept"):
        encoded(encoder, table, LIMITS["files"])
    shutil.rmtree(tmp_path / "data")
    with KeptEncoded(tmp_path / "kept") as kept:
        same(encoded(encoder, table), expected)
        with pytest.raises(MissingData, match="not there any more"):
            encoded(encoder_for(*other_encoder()), table)
        kept.remove()
    assert list((tmp_path / "kept").iterdir()) == []


def other_encoder() -> tuple[TextSpec, dict[str, bytes]]:
    spec = TextSpec(max_tokens=7)
    return spec, {spec.tokenizer: train_tokenizer(TEXTS, 200)}


def test_unreadable_samples_are_named_again(tmp_path: Path):
    encoder, table = pictures(tmp_path / "data")
    specs = encoder.spec.tensors()
    lines = []
    for _ in range(2):
        with KeptEncoded(tmp_path / "kept"):
            lines.append(encode(encoder, table, ("a", "b"), specs, LIMITS["files"])[1])
    assert lines[0] == lines[1] and len(lines[0]) == 6


@pytest.mark.parametrize("file", ["tokens.values", "tokens.shapes", "kept", "index.json"])
def test_damaged_files_are_one_warning_and_made_anew(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    encoder, table = texts(tmp_path / "data")
    for _ in range(2):
        with KeptEncoded(tmp_path / "kept"):
            same(encoded(encoder, table, LIMITS["files"]), encoded(encoder, table))
            (folder,) = (tmp_path / "kept").iterdir()
            data = bytearray((folder / file).read_bytes())
            data[len(data) // 2] ^= 1
            (folder / file).write_bytes(data[:-8] if file == "kept" else data)
    said = capsys.readouterr().err.splitlines()
    assert said and all("is damaged" in line and "anew" in line for line in said)


def test_fresh_files_are_made_anew(tmp_path: Path):
    encoder, table = texts(tmp_path / "data")
    with KeptEncoded(tmp_path / "kept"):
        encoded(encoder, table, LIMITS["files"])
    shutil.rmtree(tmp_path / "data")
    with KeptEncoded(tmp_path / "kept", fresh=True), pytest.raises(MissingData):
        encoded(encoder, table, LIMITS["files"])
    assert list((tmp_path / "kept").iterdir()) == []


def test_nothing_is_left_in_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    encoder, table = texts(tmp_path / "data")
    found = encoded(encoder, table, LIMITS["files"])
    assert list((tmp_path / "tmp").iterdir()) == []
    same(found, encoded(encoder, table))


def test_a_disk_that_refuses_is_one_line(tmp_path: Path):
    encoder, table = texts(tmp_path / "data")
    (tmp_path / "kept").touch()
    with KeptEncoded(tmp_path / "kept"), pytest.raises(NotWritten, match="another folder with --c"):
        encoded(encoder, table, LIMITS["files"])


def test_what_dead_processes_left_goes_with_the_rest(tmp_path: Path):
    encoder, table = texts(tmp_path / "data")
    with suppress(KeyboardInterrupt), KeptEncoded(tmp_path / "kept"):
        encoded(encoder, table, LIMITS["files"])
        raise KeyboardInterrupt
    (folder,) = (tmp_path / "kept").iterdir()
    folder.with_name(f"{folder.name}.4194304.part").mkdir()  # above any process id
    alive = folder.with_name(f"{folder.name}.1.part")
    alive.mkdir()
    with KeptEncoded(tmp_path / "kept") as kept:
        encoded(encoder, table)
        kept.remove()
    assert list((tmp_path / "kept").iterdir()) == [alive]
