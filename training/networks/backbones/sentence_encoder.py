"""A BERT sentence encoder with local attention, from published tensors.

Devlin et al., "BERT", NAACL 2019, with the attention of Beltagy et al., "Longformer", 2020: a word
piece attends to the pieces of its text that are less than `REACH` away. So the states of a text of
up to `REACH` pieces equal the published encoder's, and time and memory grow linearly with the
length of a text. A batch is the concatenation of its texts, without padding.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

Weights = Mapping[str, Tensor]
REACH = 64  # word pieces; sentences of the treebank have up to 56 words
_EPSILON = 1e-12
_UNUSED = ("pooler.", "embeddings.position_ids")
_KINDS = "embeddings.token_type_embeddings.weight"


class SentenceEncoder(nn.Module):
    """Maps word pieces to contextual states.

    weights: under the names of a `BertModel`. In training mode `dropout` applies to the output of
    each part before it is added.
    """

    def __init__(self, weights: Weights, heads: int, *, dropout: float = 0.1) -> None:
        super().__init__()
        self.heads, self.rate = heads, dropout
        kept = {n: tensor for n, tensor in weights.items() if not n.startswith(_UNUSED)}
        kept[_KINDS] = kept[_KINDS][:1]  # all texts have the first token type
        self.weights = nn.ParameterDict(
            {n.replace(".", "_"): nn.Parameter(tensor.clone()) for n, tensor in kept.items()}
        )
        self.layers = len({n.split(".")[2] for n in weights if n.startswith("encoder.layer.")})
        self.most, self.size = weights["embeddings.position_embeddings.weight"].shape

    def round_to_half(self) -> None:
        """Round the weights to float16 after the training, which halves the exported graph.

        Matrices and tables stay float16. Biases, normalisations and the token type are rounded and
        become float32 again. No weight learns any more.
        """
        for tensor in self.weights.values():
            tensor.requires_grad_(False)
            halves = tensor.data.half()
            # The exporter folds the cast of a small tensor into a float32 constant without the
            # name by which `training.transfer` finds the weight.
            single = halves.ndim == 1 or len(halves) == 1
            tensor.data = halves.float() if single else halves

    def forward(self, ids: Tensor, texts: Tensor) -> Tensor:
        """Return the states, float32 (n, size), of word pieces, text after text.

        ids: int64 (n,), with the pieces that begin and end a text. texts: int64 (n,), the number of
        each piece's text, ≥ 0 and different for each text. Positions beyond the encoder's table
        start again at 0.
        """
        rows = self._rows("embeddings.word_embeddings.weight", ids)
        rows = rows + self._rows(
            "embeddings.position_embeddings.weight", _places(texts) % self.most
        )
        rows = rows + self._tensor(_KINDS)
        states = self._dropped(self._normalised("embeddings.LayerNorm", rows))
        mask = _attention_mask(texts)
        for layer in range(self.layers):
            states = self._layer(f"encoder.layer.{layer}.", states, mask)
        return states

    def _layer(self, name: str, states: Tensor, mask: Tensor) -> Tensor:
        query, key, value = (
            _blocks(self._linear(f"{name}attention.self.{part}", states))
            for part in ("query", "key", "value")
        )
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in (query, _neighbours(key), _neighbours(value))
        )
        found = functional.scaled_dot_product_attention(query, key, value, mask)
        found = found.transpose(1, 2).flatten(2).flatten(0, 1)[: states.shape[0]]
        found = self._dropped(self._linear(f"{name}attention.output.dense", found))
        states = self._normalised(f"{name}attention.output.LayerNorm", states + found)
        expanded = functional.gelu(self._linear(f"{name}intermediate.dense", states))
        changed = self._dropped(self._linear(f"{name}output.dense", expanded))
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
    """Maps the words of sentences to contextual vectors: the state of each word's first piece.

    Devlin et al. do so for named entity recognition. pieces: int64 (words, most), the pieces of
    each word, 0 after the last; each word has at least one. ends: the pieces that begin and end a
    text.
    """

    pieces: Tensor

    def __init__(self, encoder: SentenceEncoder, pieces: Tensor, ends: tuple[int, int]) -> None:
        super().__init__()
        self.encoder, self.ends = encoder, ends
        self.embedding_dim = encoder.size
        self.set_vocabulary(pieces)

    def set_vocabulary(self, pieces: Tensor) -> None:
        """Replace the vocabulary; see the class for `pieces`."""
        self.register_buffer("pieces", pieces.to(torch.int32))

    def forward(self, tokens: Tensor, texts: Tensor) -> Tensor:
        """Return vectors, float32 (n, size), of `tokens`, int64 (n,), sentence after sentence.

        texts: int64 (n,), the number of each word's sentence, ≥ 0 and different for each.
        """
        first, last = _edges(texts)
        opening, closing = self.ends
        rows = functional.embedding(tokens, self.pieces).long()
        rows = torch.cat([opening * first[:, None], rows, closing * last[:, None]], dim=1)
        word, column = rows.nonzero(as_tuple=True)
        states = self.encoder(rows[word, column], texts[word])
        counts = (rows > 0).sum(1)
        vectors: Tensor = states[counts.cumsum(0) - counts + first]
        return vectors


def _edges(texts: Tensor) -> tuple[Tensor, Tensor]:
    """Return masks of the first and of the last piece of each text, int64 (n,) of 0 and 1."""
    changed = (texts[1:] != texts[:-1]).long()
    one = torch.ones_like(texts[:1])
    return torch.cat([one, changed]), torch.cat([changed, one])


def _places(texts: Tensor) -> Tensor:
    """Return the position of each piece in its text, int64 (n,)."""
    first, _ = _edges(texts)
    starts = first.nonzero()[:, 0]
    return torch.arange(texts.shape[0], device=texts.device) - starts[first.cumsum(0) - 1]


def _blocks(values: Tensor) -> Tensor:
    """Return `values` (n, …) as (blocks, REACH, …); zeros fill up the last block."""
    return _padded(values, 0, -values.shape[0] % REACH).unflatten(0, (-1, REACH))


def _neighbours(blocks: Tensor) -> Tensor:
    """Return each block with its two neighbours, (blocks, 3 × REACH, …)."""
    padded = _padded(blocks, 1, 1)
    return torch.cat([padded[:-2], padded[1:-1], padded[2:]], dim=1)


def _attention_mask(texts: Tensor) -> Tensor:
    """Return the pieces that each piece attends to, bool (blocks, 1, REACH, 3 × REACH)."""
    own = _blocks(texts + 1)  # 0 is the filling
    place = _blocks(torch.arange(texts.shape[0], device=texts.device))
    near = (place[:, :, None] - _neighbours(place)[:, None]).abs() < REACH
    return ((own[:, :, None] == _neighbours(own)[:, None]) & near)[:, None]


def _padded(values: Tensor, before: int, after: int) -> Tensor:
    return functional.pad(values, (0, 0) * (values.ndim - 1) + (before, after))
