"""Recurrent text classifier whose answers do not depend on how a batch is padded."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

UNKNOWN = 1
"""Token id of the unknown word; 0 is padding."""


class MaskedRecurrent(nn.Module):
    """A one-layer GRU or LSTM, in one direction or both, exact under any padding.

    Padding is never read: torch runs packed sequences, and the exported graph holds the ONNX operator
    with its ``sequence_lens`` input, so that the backward direction starts at the last true step.
    """

    def __init__(
        self,
        *,
        inputs: int,
        hidden: int,
        kind: Literal["gru", "lstm"] = "gru",
        bidirectional: bool = True,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.hidden = hidden
        self.directions = 2 if bidirectional else 1
        cell = {"gru": nn.GRU, "lstm": nn.LSTM}[kind]
        self.cell = cell(inputs, hidden, batch_first=True, bidirectional=bidirectional)

    @property
    def outputs(self) -> int:
        """Size of the output's last axis."""
        return self.directions * self.hidden

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Run over ``steps`` (B, T, inputs) float32 with true ``lengths`` (B,) int64, each in 1..T.

        Returns the states (B, T, outputs) float32, zero at padding.
        """
        if torch.compiler.is_exporting():
            return self._exported(steps, lengths)
        # The lengths are wanted on the CPU by pack_padded_sequence, whatever device the steps are on.
        packed = pack_padded_sequence(steps, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = self.cell(packed)
        return pad_packed_sequence(states, batch_first=True, total_length=steps.shape[1])[0]

    def _exported(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """The same as one ONNX GRU or LSTM node; such a node is seq-major: (T, B, inputs)."""
        batch, time = steps.shape[0], steps.shape[1]
        weight, recurrent, bias = self._onnx_weights()
        attributes: dict[str, int | str] = {
            "hidden_size": self.hidden,
            "direction": "bidirectional" if self.directions == 2 else "forward",
        }
        state = [self.directions, batch, self.hidden]
        shapes = [[time, *state], state]
        if self.kind == "gru":
            attributes["linear_before_reset"] = (
                1  # torch multiplies by r after the recurrent product
            )
        else:
            shapes.append(state)
        states = torch.onnx.ops.symbolic_multi_out(
            self.kind.upper(),
            (steps.transpose(0, 1), weight, recurrent, bias, lengths.to(torch.int32)),
            attributes,
            dtypes=[steps.dtype] * len(shapes),
            shapes=shapes,
        )[0]
        return states.permute(2, 0, 1, 3).reshape(batch, time, self.outputs)

    def _onnx_weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """W, R and B in ONNX's gate order, a direction per row: z, r, h (GRU) or i, o, f, c (LSTM)."""
        order = (1, 0, 2) if self.kind == "gru" else (0, 3, 1, 2)  # torch: r, z, n and i, f, g, o

        def reordered(name: str, suffix: str) -> Tensor:
            # Slices, not chunk(): the exporter folds these into constants.
            gates, size = getattr(self.cell, f"{name}_l0{suffix}"), self.hidden
            return torch.cat([gates[gate * size : (gate + 1) * size] for gate in order])

        suffixes = ("", "_reverse")[: self.directions]
        weight = torch.stack([reordered("weight_ih", suffix) for suffix in suffixes])
        recurrent = torch.stack([reordered("weight_hh", suffix) for suffix in suffixes])
        bias = torch.stack(
            [
                torch.cat([reordered("bias_ih", suffix), reordered("bias_hh", suffix)])
                for suffix in suffixes
            ]
        )
        return weight, recurrent, bias


class TextRecurrentNet(nn.Module):
    """Token embeddings, a recurrent layer, pooling over the true steps and a linear layer.

    Pooled are the recurrent states and, beside them, the embeddings themselves (a bag of words),
    each by attention, by maximum and by mean. While training, ``word_dropout`` of the tokens read
    as the unknown word, and ``dropout`` acts on the embeddings and the pooled features.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        classes: int = 2,
        embedding: int = 128,
        hidden: int = 96,
        kind: Literal["gru", "lstm"] = "gru",
        bidirectional: bool = True,
        bag: bool = True,
        dropout: float = 0.4,
        word_dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.word_dropout = word_dropout
        self.bag = bag
        self.embed = nn.Embedding(vocabulary, embedding, padding_idx=0)
        nn.init.normal_(self.embed.weight, std=0.1)
        nn.init.zeros_(self.embed.weight[0])
        self.recurrent = MaskedRecurrent(
            inputs=embedding, hidden=hidden, kind=kind, bidirectional=bidirectional
        )
        self.embedding_dropout = nn.Dropout(dropout)
        features = self.recurrent.outputs + (embedding if bag else 0)
        self.attend = nn.Linear(features, 1)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(3 * features, classes))

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Classify ``tokens`` (B, T) int64, zero after ``lengths`` (B,) int64, each in 1..T.

        Returns the logits (B, classes) float32.
        """
        features, mask = self._features(tokens, lengths)
        weights = self._attention(features, mask)
        attended = (weights.unsqueeze(2) * features).sum(1)
        # Not -inf: it would make NaN of zero gradients. Features are far above -1e4 by construction.
        peak = features.masked_fill(~mask.unsqueeze(2), -1e4).amax(1)
        total = features.masked_fill(~mask.unsqueeze(2), 0.0).sum(1)
        mean = total / lengths.unsqueeze(1).to(total.dtype)
        return self.head(torch.cat([attended, peak, mean], 1))

    def attention(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """How much each token was attended to, (B, T) float32: rows sum to 1, zero at padding."""
        return self._attention(*self._features(tokens, lengths))

    def _features(self, tokens: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """The step features (B, T, F) float32 and which steps are true, (B, T) bool."""
        mask = torch.arange(tokens.shape[1], device=tokens.device) < lengths.unsqueeze(1)
        if self.training and self.word_dropout > 0:
            lost = torch.rand(tokens.shape, device=tokens.device) < self.word_dropout
            tokens = tokens.masked_fill(lost & mask, UNKNOWN)
        embedded = self.embedding_dropout(self.embed(tokens))
        states = self.recurrent(embedded, lengths)
        return (torch.cat([states, embedded], 2) if self.bag else states), mask

    def _attention(self, features: Tensor, mask: Tensor) -> Tensor:
        scores = self.attend(features).squeeze(2)
        return scores.masked_fill(~mask, -torch.inf).softmax(1)
