"""What the encoder knows of words before anything is trained."""

import numpy as np
import torch

from training.networks.backbones.sentence_encoder import SentenceEncoder
from training.networks.backbones.word_vectors import (
    _model,
    common_words,
    pieces_of,
    word_vectors,
    words_in_context,
)


def test_word_vectors_of_similar_sentiment_are_similar() -> None:
    names = ["terrible", "awful", "charming", "dazzlingly", "n't", "the"]
    vectors = word_vectors(names, 5)
    assert vectors.shape == (6, 5) and vectors.dtype == np.float32
    assert np.isfinite(vectors).all() and np.isclose(vectors.std(), 1, atol=1e-5)
    terrible, awful, charming, *_ = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert terrible @ awful > 0.5 > terrible @ charming


def test_common_words_are_ordered_by_frequency() -> None:
    few, more = common_words(300), common_words(10_000)
    assert more[:300] == few and {"the", "is", "of"} <= set(few)
    assert {"terrible", "film"} <= set(more) and not {"##s", "[CLS]", "1990"} & set(more)


def test_word_vectors_come_from_the_published_encoder() -> None:
    """Its authors' example: sentences of like meaning are near, by cosine."""
    tokenizer, weights = _model()
    texts = ("That is a happy dog", "That is a happy person", "That is a very happy person")
    encoder = SentenceEncoder(weights, 12).eval()
    ids = [torch.tensor(tokenizer.encode(text).ids) for text in texts]
    vectors = [encoder(text, torch.zeros_like(text)).mean(0).detach() for text in ids]
    dog, person, very = (vector / vector.norm() for vector in vectors)
    assert float(person @ very) > 0.9 and 0.5 < float(person @ dog) < 0.8


def test_pieces_of_words_are_the_tokenizers() -> None:
    pieces = pieces_of(["film", "unmemorable", "n't"])
    tokenizer = _model()[0]
    written = [" ".join(tokenizer.id_to_token(i) for i in row if i) for row in pieces.tolist()]
    assert written == ["[UNK]", "film", "un ##me ##mora ##ble", "n ' t"]


def test_words_in_context_equal_the_encoder_on_the_sentence() -> None:
    words, names = words_in_context().eval(), ["a", "quiet", "beauty", "dazzlingly", "."]
    words.set_vocabulary(pieces_of(names))
    tokens, texts = torch.tensor([1, 4, 3, 5, 1, 2, 3, 5]), torch.tensor([6, 6, 6, 6, 2, 2, 2, 2])
    ids = torch.tensor(_model()[0].encode("a quiet beauty .").ids)
    with torch.no_grad():
        actual = words(tokens, texts)[4:]
        alone = words.encoder(ids, torch.zeros_like(ids))[1:-1]
    torch.testing.assert_close(actual, alone, rtol=1e-4, atol=1e-5)
