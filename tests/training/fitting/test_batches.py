"""Batches from files are those from memory, read ahead or not, and so are the weights."""

import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.modalities import encoder_for
from app.modalities.image.spec import ImageSpec
from tests.training.interrupted import Killed
from tests.training.samples import Toy, gray_pictures, squares
from tests.training.stored import in_files
from training.data.encode import EncodingLimits, Examples, encode
from training.data.encoded import in_memory
from training.fitting.batches import Batches, read_ahead
from training.fitting.checkpoint import Checkpoints, fingerprint
from training.fitting.curve import History
from training.fitting.fit import Schedule, fit
from training.fitting.mean_loss import MeanLoss

SCHEDULE = Schedule(epochs=3, batch_size=8, learning_rate=0.02, verbose=False)


def test_batches_are_read_ahead_in_turn():
    assert list(read_ahead(lambda key: key * 2, range(50))) == list(range(0, 100, 2))


def test_an_error_comes_in_the_place_of_its_batch():
    seen = []
    with pytest.raises(ZeroDivisionError):
        for value in read_ahead(lambda key: 6 // (3 - key), range(9)):
            seen.append(value)
    assert seen == [2, 3, 6]


@pytest.mark.parametrize("taken", [0, 1, 5])
def test_the_thread_ends_with_the_iterator(taken: int):
    before = set(threading.enumerate())
    batches = read_ahead(lambda key: key, range(1000))
    for _ in range(taken):
        next(batches)
    batches.close()
    assert set(threading.enumerate()) == before


def test_the_mean_loss_is_that_of_the_samples():
    mean = MeanLoss()
    for loss, samples in ((1.0, 8), (4.0, 2)):
        mean.add(torch.tensor(loss), samples)
    assert mean.value() == pytest.approx(1.6)
    assert MeanLoss().value() != MeanLoss().value()  # NaN


def pictures(folder: Path, in_memory: int) -> Examples:
    """Dark and light pictures, encoded, in files if they have more bytes than `in_memory`."""
    spec = ImageSpec(height=4, width=4, channels=1, fit="pad")
    samples = [(s.payload.data, s.label) for s in gray_pictures(30).samples]
    limits = EncodingLimits(in_memory, processes=1)
    table = in_files(folder, samples)
    return encode(encoder_for(spec, {}), table, ("dark", "light"), spec.tensors(), limits)[0]


def trained(examples: Examples) -> tuple[bytes, History]:
    torch.manual_seed(0)
    network = Toy()
    history = fit(network, examples, squares(16, seed=2), SCHEDULE, seed=1)
    history = replace(history, epochs=[replace(e, seconds=0.0) for e in history.epochs])
    return b"".join(value.numpy().tobytes() for value in network.state_dict().values()), history


def test_training_from_files_is_training_from_memory(tmp_path: Path):
    held = pictures(tmp_path / "data", 1 << 20)
    expected = trained(held)
    listed = replace(held, items=[dict(item) for item in held.items])
    assert trained(listed) == expected
    with Checkpoints(tmp_path / "c"):
        filed = pictures(tmp_path / "data", 0)
        assert trained(filed) == expected
    assert fingerprint_of(held) == fingerprint_of(filed)
    assert not (tmp_path / "c").exists()


def fingerprint_of(examples: Examples) -> str:
    torch.manual_seed(0)
    return fingerprint(Toy(), (examples,))


def test_the_fingerprint_tells_other_samples_and_another_order_apart(tmp_path: Path):
    whole = pictures(tmp_path, 1 << 20)
    parts = [whole, whole.select([0, 1]), whole.select([1, 0]), whole.select([0, 2])]
    parts.append(replace(whole, items=in_memory({"image": whole.batch(range(60))[0][0] + 1})))
    assert len({fingerprint_of(part) for part in parts}) == len(parts)


def test_a_stopped_run_leaves_its_encoded_samples(tmp_path: Path):
    with suppress(Killed), Checkpoints(tmp_path / "c"):
        pictures(tmp_path / "data", 0)
        raise Killed
    assert [path.name[:8] for path in (tmp_path / "c").iterdir()] == ["encoded-"]
    with Checkpoints(tmp_path / "c"):
        pictures(tmp_path / "data", 0)
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("seed", [None, 1])
def test_batches_of_files_are_those_of_memory(seed: int | None, tmp_path: Path):
    both = [Batches(pictures(tmp_path, limit), 8, seed) for limit in (0, 1 << 20)]
    for (one, targets), (other, wanted) in zip(*both, strict=True):
        assert torch.equal(one[0], other[0]) and torch.equal(targets, wanted)
