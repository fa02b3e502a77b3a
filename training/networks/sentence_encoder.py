"""A small sentence encoder, from the tensors that its authors published.

Devlin et al., "BERT", NAACL 2019; mean pooling after Reimers and Gurevych, "Sentence-BERT", EMNLP
2019. It can be run as it is and trained further; nothing of it is exported.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

Weights = Mapping[str, Tensor]
_EPSILON = 1e-12
_UNUSED = ("pooler.", "embeddings.position_ids")


class SentenceEncoder(nn.Module):
    """Pieces of words in, their states in context out.

    weights: as a `BertModel` names them. While training `dropout` acts as it did when they were
    learned. The tables and the first `kept` layers do not learn; with 0, everything does.
    """

    def __init__(
        self, weights: Weights, heads: int, *, dropout: float = 0.1, kept: int = 0
    ) -> None:
        super().__init__()
        self.heads, self.rate = heads, dropout
        self.weights = nn.ParameterDict(
            {
                name.replace(".", "_"): nn.Parameter(tensor.clone())
                for name, tensor in weights.items()
                if not name.startswith(_UNUSED)
            }
        )
        self.layers = len({n.split(".")[2] for n in weights if n.startswith("encoder.layer.")})
        self.most, self.size = weights["embeddings.position_embeddings.weight"].shape
        below = ("embeddings_", *(f"encoder_layer_{layer}_" for layer in range(kept)))
        for name, tensor in self.weights.items():
            tensor.requires_grad_(not (kept and name.startswith(below)))

    def forward(self, ids: Tensor, there: Tensor | None = None) -> Tensor:
        """Return the states, float32 (texts, time, size), of pieces, int64 (texts, time).

        ids: with the special ones. there: bool (texts, time), False at padding.
        """
        positions = self._tensor("embeddings.position_embeddings.weight")[: ids.shape[1]]
        kind = self._tensor("embeddings.token_type_embeddings.weight")[0]
        rows = functional.embedding(ids, self._tensor("embeddings.word_embeddings.weight"))
        states = self._dropped(self._normalised("embeddings.LayerNorm", rows + positions + kind))
        mask = None if there is None else there[:, None, None]
        for layer in range(self.layers):
            states = self._layer(f"encoder.layer.{layer}.", states, mask)
        return states

    def _layer(self, name: str, states: Tensor, mask: Tensor | None) -> Tensor:
        query, key, value = (
            self._linear(f"{name}attention.self.{part}", states)
            .unflatten(2, (self.heads, -1))
            .transpose(1, 2)
            for part in ("query", "key", "value")
        )
        dropped = self.rate if self.training else 0.0
        seen = functional.scaled_dot_product_attention(query, key, value, mask, dropped)
        seen = self._linear(f"{name}attention.output.dense", seen.transpose(1, 2).flatten(2))
        states = self._normalised(f"{name}attention.output.LayerNorm", states + self._dropped(seen))
        wide = functional.gelu(self._linear(f"{name}intermediate.dense", states))
        changed = self._dropped(self._linear(f"{name}output.dense", wide))
        return self._normalised(f"{name}output.LayerNorm", states + changed)

    def _tensor(self, name: str) -> Tensor:
        return self.weights[name.replace(".", "_")]

    def _linear(self, name: str, states: Tensor) -> Tensor:
        weight, bias = self._tensor(f"{name}.weight"), self._tensor(f"{name}.bias")
        return functional.linear(states, weight, bias)

    def _normalised(self, name: str, states: Tensor) -> Tensor:
        scale, shift = self._tensor(f"{name}.weight"), self._tensor(f"{name}.bias")
        return functional.layer_norm(states, scale.shape, scale, shift, _EPSILON)

    def _dropped(self, states: Tensor) -> Tensor:
        return functional.dropout(states, self.rate, self.training)


class WordsInContext(nn.Module):
    """Words of sentences → their vectors there, the mean of their pieces' states.

    pieces: int64 (words, most), each word's pieces, 0 after the last; every word has one. ends: the
    ids of the pieces that begin and end a text. Pieces beyond what the encoder reads are left out.
    """

    pieces: Tensor

    def __init__(self, encoder: SentenceEncoder, pieces: Tensor, ends: tuple[int, int]) -> None:
        super().__init__()
        self.encoder, self.ends = encoder, ends
        self.embedding_dim = encoder.size
        self.register_buffer("pieces", pieces)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Return vectors, float32 (n, size), of `tokens`, int64 (n,), sentence after sentence.

        lengths: int64 (sentences,), how many of them each has.
        """
        pieces = self.pieces[tokens]
        word, column = (pieces > 0).nonzero(as_tuple=True)
        row = torch.repeat_interleave(torch.arange(len(lengths), device=tokens.device), lengths)[
            word
        ]
        counts = torch.bincount(row, minlength=len(lengths))
        place = 1 + torch.arange(len(row), device=tokens.device) - (counts.cumsum(0) - counts)[row]
        read = place < self.encoder.most - 1
        word, column, row, place = word[read], column[read], row[read], place[read]
        last = 1 + torch.bincount(row, minlength=len(lengths))
        ids = tokens.new_zeros(len(lengths), int(last.max()) + 1)
        ids[:, 0] = self.ends[0]
        ids[row, place] = pieces[word, column]
        ids.scatter_(1, last[:, None], self.ends[1])
        there = torch.arange(ids.shape[1], device=tokens.device)[None] <= last[:, None]
        states = self.encoder(ids, there)[row, place]
        sums = states.new_zeros(len(tokens), states.shape[1]).index_add(0, word, states)
        return sums / torch.bincount(word, minlength=len(tokens)).clamp(min=1)[:, None]
