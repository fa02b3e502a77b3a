"""A tiny sentence encoder with drawn weights, over the words of ListOps."""

import torch
from torch import Tensor

from tests.trees import IDS
from training.networks.backbones.sentence_encoder import SentenceEncoder, WordsInContext
from training.networks.tree.contextual import ContextualTreeLSTM
from training.networks.tree.statistics import WordSum

WORDS = tuple(IDS)
SIZE, HEADS, LAYERS, MOST, PIECES = 8, 2, 2, 300, 40


def weights(size: int = SIZE) -> dict[str, Tensor]:
    """Tensors as a `BertModel` names them."""
    torch.manual_seed(5)
    tables = {"word": PIECES, "position": MOST, "token_type": 2}
    found = {f"embeddings.{n}_embeddings.weight": torch.randn(k, size) for n, k in tables.items()}
    sizes = {"attention.self.query": (size, size), "attention.self.key": (size, size)}
    sizes |= {"attention.self.value": (size, size), "attention.output.dense": (size, size)}
    sizes |= {"intermediate.dense": (2 * size, size), "output.dense": (size, 2 * size)}
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        prefix = f"encoder.layer.{layer}."
        norms += [f"{prefix}attention.output.LayerNorm", f"{prefix}output.LayerNorm"]
        for name, shape in sizes.items():
            found[f"{prefix}{name}.weight"] = torch.randn(shape) / 2
            found[f"{prefix}{name}.bias"] = torch.randn(shape[0]) / 2
    for name in norms:
        found |= {f"{name}.weight": torch.ones(size), f"{name}.bias": torch.zeros(size)}
    return found


def pieces() -> Tensor:
    """Every word has one or two."""
    table = torch.zeros(len(WORDS), 3, dtype=torch.long)
    table[:, 0] = torch.arange(3, 3 + len(WORDS))
    table[::2, 1] = torch.arange(20, 20 + len(table[::2]))
    return table


def contextual(
    classes: int, statistics: WordSum | None = None, size: int = SIZE
) -> ContextualTreeLSTM:
    """A Tree-LSTM over that encoder, which loses nothing while it learns."""
    words = WordsInContext(SentenceEncoder(weights(size), HEADS, dropout=0.0), pieces(), (1, 2))
    return ContextualTreeLSTM(words=words, classes=classes, hidden=6, statistics=statistics)
