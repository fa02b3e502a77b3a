"""Texts without padding = one at a time = the library's own encoder; far pieces are not seen."""

import pytest
import torch
from torch import Tensor
from transformers import BertConfig, BertModel

from tests.training.encoders import HEADS, LAYERS, MOST, PIECES, SIZE, pieces, weights
from training.networks.backbones.sentence_encoder import REACH, SentenceEncoder, WordsInContext


def encoder() -> SentenceEncoder:
    return SentenceEncoder(weights(), HEADS).eval()


def texts(*lengths: int) -> list[Tensor]:
    torch.manual_seed(2)
    return [torch.randint(3, PIECES, (length,)) for length in lengths]


@torch.no_grad()
def states(*ids: Tensor) -> Tensor:
    numbers = torch.arange(len(ids)).repeat_interleave(torch.tensor([len(text) for text in ids]))
    actual: Tensor = encoder()(torch.cat(ids), numbers)
    return actual


@torch.no_grad()
def published(ids: Tensor) -> Tensor:
    config = BertConfig(
        vocab_size=PIECES,
        hidden_size=SIZE,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=16,
        max_position_embeddings=MOST,
    )
    model = BertModel(config, add_pooling_layer=False).eval()
    missing, unexpected = model.load_state_dict(weights(), strict=False)
    assert not missing and not unexpected
    actual: Tensor = model(input_ids=ids[None]).last_hidden_state[0]
    return actual


@pytest.mark.parametrize("lengths", [(1,), (REACH,), (5, 1, 40, REACH, 2), (63, 64, 64)])
def test_sentence_encoder_equals_the_published_one(lengths: tuple[int, ...]) -> None:
    ids = texts(*lengths)
    expected = torch.cat([published(text) for text in ids])
    torch.testing.assert_close(states(*ids), expected, rtol=1e-4, atol=1e-5)


def test_sentence_encoder_is_independent_of_the_batch() -> None:
    long, before = texts(2 * MOST + 30, 37)
    alone, after = states(long), states(before, long)[len(before) :]
    torch.testing.assert_close(after, alone, rtol=1e-4, atol=1e-5)


def test_sentence_encoder_attention_is_local() -> None:
    """A change at one piece reaches as far as the reach of all layers together."""
    (ids,) = texts(MOST)
    changed = ids.clone()
    changed[150] = 3 + (changed[150] - 2) % (PIECES - 3)
    moved = (states(ids) - states(changed)).abs().sum(1) > 0
    reached = moved.nonzero()[:, 0]
    assert int(reached.min()) == 150 - LAYERS * (REACH - 1)
    assert int(reached.max()) == 150 + LAYERS * (REACH - 1)


def test_round_to_half_freezes_rounded_weights() -> None:
    net, (ids,) = encoder(), texts(20)
    before = net(ids, torch.zeros_like(ids)).detach()
    net.round_to_half()
    for tensor in net.weights.values():
        single = tensor.ndim == 1 or len(tensor) == 1
        assert tensor.dtype == (torch.float32 if single else torch.float16)
        assert torch.equal(tensor, tensor.half().to(tensor.dtype))
    assert not any(tensor.requires_grad for tensor in net.parameters())
    after = net(ids, torch.zeros_like(ids))
    assert after.dtype == torch.float32
    torch.testing.assert_close(after, before, rtol=0, atol=0.02)


def test_word_vector_is_the_state_of_the_first_piece() -> None:
    words = WordsInContext(encoder(), pieces(), (1, 2))
    tokens, own = torch.tensor([0, 1, 2, 5, 4]), torch.tensor([9, 9, 9, 3, 3])
    with torch.no_grad():
        actual = words(tokens, own)
    first = torch.tensor([1, 3, 20, 4, 5, 21, 2])
    second = torch.tensor([1, 8, 7, 22, 2])
    expected = torch.cat([states(first)[[1, 3, 4]], states(second)[[1, 2]]])
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-5)
