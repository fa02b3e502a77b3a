"""A small sentence encoder, from the tensors that its authors published.

Devlin et al., "BERT", NAACL 2019, with the attention of Beltagy et al., "Longformer", 2020: a
piece sees those of its text that are less than `REACH` away, so a sentence of up to `REACH` pieces
is read as published, and time and memory grow with the length of a text, not with its square.
Texts of any lengths stand one after another, without padding.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

Weights = Mapping[str, Tensor]
REACH = 64  # pieces; sentences of the treebank have up to 56 words
_EPSILON = 1e-12
_UNUSED = ("pooler.", "embeddings.position_ids")
_KINDS = "embeddings.token_type_embeddings.weight"


class SentenceEncoder(nn.Module):
    """Pieces of words in, their states in context out.

    weights: as a `BertModel` names them. While training, `dropout` acts on what every part adds.
    """

    def __init__(self, weights: Weights, heads: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.heads, self.rate = heads, dropout
        kept = {n: tensor for n, tensor in weights.items() if not n.startswith(_UNUSED)}
        kept[_KINDS] = kept[_KINDS][:1]  # every text is of the first kind
        self.weights = nn.ParameterDict(
            {n.replace(".", "_"): nn.Parameter(tensor.clone()) for n, tensor in kept.items()}
        )
        self.layers = len({n.split(".")[2] for n in weights if n.startswith("encoder.layer.")})
        self.most, self.size = weights["embeddings.position_embeddings.weight"].shape

    def round_to_half(self) -> None:
        """End the training: round the weights to float16, half the size in the exported graph.

        Matrices and tables stay in it; biases, normalisations and the one kind of texts are float32
        again.
        """
        for tensor in self.weights.values():
            tensor.requires_grad_(False)
            halves = tensor.data.half()
            # The exporter folds the cast of a small tensor into a constant that has lost the name
            # by which `training.transfer` finds it, and in float32.
            single = halves.ndim == 1 or len(halves) == 1
            tensor.data = halves.float() if single else halves

    def forward(self, ids: Tensor, texts: Tensor) -> Tensor:
        """Return the states, float32 (n, size), of pieces, int64 (n,), text after text.

        ids: with those that begin and end a text. texts: int64 (n,), which text each piece is of, a
        number ≥ 0 of its own. After as many places as the encoder knows, they begin anew.
        """
        rows = self._rows("embeddings.word_embeddings.weight", ids)
        rows = rows + self._rows(
            "embeddings.position_embeddings.weight", _places(texts) % self.most
        )
        rows = rows + self._tensor(_KINDS)
        states = self._dropped(self._normalised("embeddings.LayerNorm", rows))
        seen = _seen(texts)
        for layer in range(self.layers):
            states = self._layer(f"encoder.layer.{layer}.", states, seen)
        return states

    def _layer(self, name: str, states: Tensor, seen: Tensor) -> Tensor:
        query, key, value = (
            _blocks(self._linear(f"{name}attention.self.{part}", states))
            for part in ("query", "key", "value")
        )
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in (query, _neighbours(key), _neighbours(value))
        )
        told = functional.scaled_dot_product_attention(query, key, value, seen)
        told = told.transpose(1, 2).flatten(2).flatten(0, 1)[: states.shape[0]]
        told = self._linear(f"{name}attention.output.dense", told)
        states = self._normalised(f"{name}attention.output.LayerNorm", states + self._dropped(told))
        wide = functional.gelu(self._linear(f"{name}intermediate.dense", states))
        changed = self._dropped(self._linear(f"{name}output.dense", wide))
        return self._normalised(f"{name}output.LayerNorm", states + changed)

    def _tensor(self, name: str) -> Tensor:
        return self.weights[name.replace(".", "_")].float()

    def _rows(self, name: str, ids: Tensor) -> Tensor:
        return functional.embedding(ids, self.weights[name.replace(".", "_")]).float()

    def _linear(self, name: str, states: Tensor) -> Tensor:
        weight, bias = self._tensor(f"{name}.weight"), self._tensor(f"{name}.bias")
        return functional.linear(states, weight, bias)

    def _normalised(self, name: str, states: Tensor) -> Tensor:
        scale, shift = self._tensor(f"{name}.weight"), self._tensor(f"{name}.bias")
        return functional.layer_norm(states, scale.shape, scale, shift, _EPSILON)

    def _dropped(self, states: Tensor) -> Tensor:
        return functional.dropout(states, self.rate, self.training)


class WordsInContext(nn.Module):
    """Words of sentences → their vectors there: the state of each word's first piece.

    As Devlin et al. do to tell names. pieces: int64 (words, most), each word's pieces, 0 after the
    last; every word has one. ends: the pieces that begin and end a text.
    """

    pieces: Tensor

    def __init__(self, encoder: SentenceEncoder, pieces: Tensor, ends: tuple[int, int]) -> None:
        super().__init__()
        self.encoder, self.ends = encoder, ends
        self.embedding_dim = encoder.size
        self.set_vocabulary(pieces)

    def set_vocabulary(self, pieces: Tensor) -> None:
        """Take these words in place of those it knows."""
        self.register_buffer("pieces", pieces.to(torch.int32))

    def forward(self, tokens: Tensor, texts: Tensor) -> Tensor:
        """Return vectors, float32 (n, size), of `tokens`, int64 (n,), sentence after sentence.

        texts: int64 (n,), which sentence each word is of, a number ≥ 0 of its own.
        """
        first, last = _edges(texts)
        begin, end = self.ends
        rows = functional.embedding(tokens, self.pieces).long()
        rows = torch.cat([begin * first[:, None], rows, end * last[:, None]], dim=1)
        word, column = rows.nonzero(as_tuple=True)
        states = self.encoder(rows[word, column], texts[word])
        counts = (rows > 0).sum(1)
        vectors: Tensor = states[counts.cumsum(0) - counts + first]
        return vectors


def _edges(texts: Tensor) -> tuple[Tensor, Tensor]:
    """Return where a text begins, and where one ends, int64 (n,) of 0 and 1."""
    changed = (texts[1:] != texts[:-1]).long()
    one = torch.ones_like(texts[:1])
    return torch.cat([one, changed]), torch.cat([changed, one])


def _places(texts: Tensor) -> Tensor:
    """Return the place of each piece in its text, int64 (n,)."""
    first, _ = _edges(texts)
    starts = first.nonzero()[:, 0]
    return torch.arange(texts.shape[0], device=texts.device) - starts[first.cumsum(0) - 1]


def _blocks(values: Tensor) -> Tensor:
    """Return `values` (n, …) in blocks (blocks, REACH, …), the last one filled up with zeros."""
    return _padded(values, 0, -values.shape[0] % REACH).unflatten(0, (-1, REACH))


def _neighbours(blocks: Tensor) -> Tensor:
    """Return each block between its neighbours, (blocks, 3 × REACH, …)."""
    padded = _padded(blocks, 1, 1)
    return torch.cat([padded[:-2], padded[1:-1], padded[2:]], dim=1)


def _seen(texts: Tensor) -> Tensor:
    """Return which of the neighbours each piece sees, bool (blocks, 1, REACH, 3 × REACH)."""
    own = _blocks(texts + 1)  # 0 is what fills up
    place = _blocks(torch.arange(texts.shape[0], device=texts.device))
    near = (place[:, :, None] - _neighbours(place)[:, None]).abs() < REACH
    return ((own[:, :, None] == _neighbours(own)[:, None]) & near)[:, None]


def _padded(values: Tensor, before: int, after: int) -> Tensor:
    return functional.pad(values, (0, 0) * (values.ndim - 1) + (before, after))
