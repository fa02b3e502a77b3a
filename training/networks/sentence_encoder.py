"""The forward pass of a small sentence encoder, from the tensors that its authors published.

Devlin et al., "BERT", NAACL 2019; mean pooling after Reimers and Gurevych, "Sentence-BERT", EMNLP
2019. It is only run, never trained; texts of one length at a time, so that there is no padding.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

Weights = Mapping[str, Tensor]
_EPSILON = 1e-12


@torch.no_grad()
def encode(weights: Weights, ids: Tensor, heads: int) -> Tensor:
    """Return the mean of each text's last states, float32 (texts, size).

    weights: as a `BertModel` names them. ids: int64 (texts, time), with the special tokens.
    """
    table = "embeddings."
    positions = weights[f"{table}position_embeddings.weight"][: ids.shape[1]]
    kind = weights[f"{table}token_type_embeddings.weight"][0]
    states = weights[f"{table}word_embeddings.weight"][ids] + positions + kind
    states = _normalised(weights, f"{table}LayerNorm", states)
    layers = {name.split(".")[2] for name in weights if name.startswith("encoder.layer.")}
    for layer in range(len(layers)):
        states = _layer(weights, f"encoder.layer.{layer}.", states, heads)
    return states.mean(1)


def _layer(weights: Weights, name: str, states: Tensor, heads: int) -> Tensor:
    parts = [
        _linear(weights, f"{name}attention.self.{part}", states).unflatten(2, (heads, -1))
        for part in ("query", "key", "value")
    ]
    query, key, value = (part.transpose(1, 2) for part in parts)
    seen = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    seen = _linear(weights, f"{name}attention.output.dense", seen)
    states = _normalised(weights, f"{name}attention.output.LayerNorm", states + seen)
    wide = functional.gelu(_linear(weights, f"{name}intermediate.dense", states))
    changed = _linear(weights, f"{name}output.dense", wide)
    return _normalised(weights, f"{name}output.LayerNorm", states + changed)


def _linear(weights: Weights, name: str, states: Tensor) -> Tensor:
    return functional.linear(states, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _normalised(weights: Weights, name: str, states: Tensor) -> Tensor:
    scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return functional.layer_norm(states, scale.shape, scale, shift, _EPSILON)
