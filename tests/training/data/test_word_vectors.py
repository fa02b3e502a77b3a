"""What the encoder knows of words before anything is trained."""

import numpy as np
import torch

from training.data.word_vectors import _model, known_words, word_vectors, words_in_context
from training.networks.sentence_encoder import SentenceEncoder


def test_words_of_like_sentiment_have_like_vectors() -> None:
    names = ["terrible", "awful", "charming", "dazzlingly", "n't", "the"]
    vectors = word_vectors(names, 5)
    assert vectors.shape == (6, 5) and vectors.dtype == np.float32
    assert np.isfinite(vectors).all() and np.isclose(vectors.std(), 1, atol=1e-5)
    terrible, awful, charming, *_ = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert terrible @ awful > 0.5 > terrible @ charming


def test_common_words_come_first() -> None:
    few, more = known_words(300), known_words(10_000)
    assert more[:300] == few and {"the", "is", "of"} <= set(few)
    assert {"terrible", "film"} <= set(more) and not {"##s", "[CLS]", "1990"} & set(more)


def test_the_encoder_is_the_published_one() -> None:
    """Its authors' example: sentences of like meaning are near, by cosine."""
    tokenizer, weights = _model()
    texts = ("That is a happy dog", "That is a happy person", "That is a very happy person")
    encoder = SentenceEncoder(weights, 12).eval()
    ids = [torch.tensor([tokenizer.encode(text).ids]) for text in texts]
    vectors = [encoder(text).mean(1)[0].detach() for text in ids]
    dog, person, very = (vector / vector.norm() for vector in vectors)
    assert float(person @ very) > 0.9 and 0.5 < float(person @ dog) < 0.8


def test_words_in_context_are_those_of_the_sentence_alone() -> None:
    """Several sentences at once = one at a time = the encoder's own reading of the text."""
    names = ["a", "quiet", "beauty", "dazzlingly", "unmemorable", "."]
    words = words_in_context(names).eval()
    lengths = torch.tensor([4, 6, 1])
    tokens = torch.tensor([1, 2, 3, 6, 1, 4, 5, 0, 3, 6, 2])
    with torch.no_grad():
        together = words(tokens, lengths)
        parts = [words(part, torch.tensor([len(part)])) for part in tokens.split(lengths.tolist())]
        ids = torch.tensor([_model()[0].encode("a quiet beauty .").ids])
        alone = words.encoder(ids)[0, 1:-1]
    assert torch.allclose(together, torch.cat(parts), atol=1e-5)
    assert torch.allclose(together[:4], alone, atol=1e-5)
