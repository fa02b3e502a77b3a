"""Samples → arrays: the service's own, in an order that is a function of the seed."""

from dataclasses import replace

import numpy as np
import pytest

from app.batching.collate import collate
from app.modalities import Payload, encoder_for
from app.modalities.audio.spec import AudioSpec
from app.modalities.image.spec import ImageSpec
from app.modalities.text.spec import TextSpec
from app.modalities.tree.spec import TreeSpec
from tests.training.samples import SENTENCE, digit, png, sentence, sentences, sound, squares
from training.data.dataset import Sample
from training.data.encode import IGNORE_INDEX, Examples, encode, epoch_order, root_node_targets
from training.data.tokenizers import PADDING, UNKNOWN_TOKEN, train_tokenizer, vocabulary_size
from training.datasets import listops

RNG = np.random.default_rng(1)
TEXTS = [sentence(kind, RNG) for kind in ("ham", "spam") for _ in range(20)]
CASES = {
    "image": (
        ImageSpec(height=20, width=24, channels=1, fit="pad"),
        {},
        [Payload(png(digit(value, RNG)), "image/png") for value in range(4)],
    ),
    "audio": (
        AudioSpec(rate=8000, samples=4000),
        {},
        [Payload(sound("chirp", RNG, rate), "audio/wav") for rate in (8000, 16000, 11025)],
    ),
    "text": (
        TextSpec(max_tokens=8),
        {"tokenizer.json": train_tokenizer(TEXTS, 200)},
        [Payload(text.encode(), "text/plain") for text in [*TEXTS[:3], "money", "naïve ☃"]],
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_encoded_arrays_are_the_services(kind: str):
    spec, files, payloads = CASES[kind]
    encoder, specs = encoder_for(spec, files), spec.tensors()
    samples = [Sample(str(i), payload, "ab"[i % 2]) for i, payload in enumerate(payloads)]
    examples, unreadable = encode(encoder, samples, ("a", "b"), specs)
    assert unreadable == []
    assert examples.targets.tolist() == [i % 2 for i in range(len(payloads))]
    served = collate([encoder.encode(payload).arrays for payload in payloads], specs)
    trained, _ = examples.batch(range(len(payloads)))
    for name, array in zip(served, trained, strict=True):
        assert np.array_equal(served[name], array) and served[name].dtype == array.dtype


def test_unreadable_samples_are_listed_with_the_reason():
    spec, files, payloads = CASES["image"]
    bad = [Payload(b"no picture", "image/png"), Payload(b"", "image/png")]
    samples = [Sample(f"{i}.png", p, "a") for i, p in enumerate([bad[0], payloads[0], bad[1]])]
    examples, unreadable = encode(encoder_for(spec, files), samples, ("a",), spec.tensors())
    assert [s.name for s in examples.samples] == ["1.png"]
    assert len(examples) == len(examples.targets) == 1
    assert [line.split(" (")[0] for line in unreadable] == ["0.png", "2.png"]
    assert all("expected a JPEG" in line for line in unreadable)


def test_lengths_are_those_of_the_dynamic_axis():
    assert sentences([3, 1, 7], 10).lengths().tolist() == [3, 1, 7]
    assert squares(4, seed=0).lengths().tolist() == [0] * 4


def test_a_batch_is_padded_with_zeros_to_its_longest():
    (tokens, lengths), targets = sentences([3, 1, 7], 10).batch([1, 0])
    assert tokens.shape == (2, 3) and lengths.tolist() == [1, 3] and targets.tolist() == [1, 0]
    assert tokens[0, 1:].tolist() == [0, 0]
    assert [spec.dtype for spec in SENTENCE] == [str(tokens.dtype), str(lengths.dtype)]


@pytest.mark.parametrize("varying", [False, True])
@pytest.mark.parametrize("count", [64, 100, 1000])
def test_epoch_order_has_every_index_once(count: int, varying: bool):
    lengths = np.arange(count) % 50 + 1 if varying else np.zeros(count, np.int64)
    batches = epoch_order(lengths, 16, seed=3)
    assert sorted(i for batch in batches for i in batch) == list(range(count))
    assert max(map(len, batches)) == 16


def test_epoch_order_drops_a_last_batch_of_one():
    batches = epoch_order(np.zeros(33, np.int64), 16, seed=3)
    assert sorted(map(len, batches)) == [16, 16]
    assert len({i for batch in batches for i in batch}) == 32


def test_epoch_order_keeps_a_single_sample():
    assert epoch_order(np.zeros(1, np.int64), 16, seed=3) == [[0]]


def test_epoch_order_is_a_function_of_the_seed():
    lengths = np.arange(300) % 40
    assert epoch_order(lengths, 16, seed=3) == epoch_order(lengths, 16, seed=3)
    assert epoch_order(lengths, 16, seed=3) != epoch_order(lengths, 16, seed=4)


def test_epoch_order_groups_similar_lengths():
    lengths = np.random.default_rng(0).integers(1, 500, 2000)
    sorted_out = [np.ptp(lengths[batch]) for batch in epoch_order(lengths, 16, seed=3)]
    assert np.mean(sorted_out) < 60


def test_tokenizer_is_deterministic():
    tokenizer = train_tokenizer(TEXTS, 200)
    assert tokenizer == train_tokenizer(TEXTS, 200)
    assert 2 < vocabulary_size(tokenizer) <= 200
    assert tokenizer.index(PADDING.encode()) < tokenizer.index(UNKNOWN_TOKEN.encode())


def test_tokenizer_ids_of_padding_and_unknown():
    encoder = encoder_for(TextSpec(max_tokens=8), {"tokenizer.json": train_tokenizer(TEXTS, 200)})
    ids = encoder.encode(Payload("☃ money".encode(), "text/plain")).arrays["tokens"]
    assert ids[0] == 1 and (ids > 0).all()


def lists(*labels: str) -> Examples:
    """Three trees so labelled, of the labels a and b."""
    texts, spec = ["[MAX 2 9 ]", "7", "[SM 1 [MIN 3 4 ] ]"], TreeSpec(notation="listops")
    encoder = encoder_for(spec, {spec.vocabulary: "\n".join(listops.VOCABULARY).encode()})
    samples = [
        Sample(text, Payload(text.encode(), "text/plain"), label)
        for text, label in zip(texts, labels, strict=True)
    ]
    return encode(encoder, samples, ("a", "b"), spec.tensors())[0]


def test_node_targets_follow_the_layout_of_the_forest():
    examples = lists("a", "a", "a")
    assert examples.lengths().tolist() == [4, 1, 7]
    inputs, targets = examples.training_batch([0, 1, 2])  # without node targets, the batch itself
    assert targets.tolist() == [0, 0, 0]
    labelled = replace(
        examples, node_targets=[listops.node_values(item) for item in examples.items]
    )
    for order in ([0, 1, 2], [2, 0], [1]):
        inputs, targets = labelled.training_batch(order)
        forest = dict(zip((tensor.name for tensor in examples.inputs), inputs, strict=True))
        assert targets.tolist() == listops.node_values(forest).tolist()
        assert targets[forest["roots"]].tolist() == [[9, 7, 4][i] for i in order]
    assert (
        labelled.select([2, 0]).training_batch([0, 1])[1].tolist()
        == labelled.training_batch([2, 0])[1].tolist()
    )
    assert len(labelled.select([])) == len(examples.select([])) == 0


def test_root_node_targets_label_the_root_only():
    trees = lists("b", "a", "b")
    labelled = replace(trees, node_targets=root_node_targets(trees))
    inputs, targets = labelled.training_batch([2, 0, 1])
    assert targets[inputs[-1]].tolist() == [1, 1, 0]
    assert sorted(set(targets.tolist())) == [IGNORE_INDEX, 0, 1]
    assert (targets != IGNORE_INDEX).sum() == 3
