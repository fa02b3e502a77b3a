"""An LSTM language model whose state is an input and an output of the exported graph.

After Elman, "Finding Structure in Time", 1990, with LSTM cells. Dropout uses one mask for all steps
of a sequence (Gal and Ghahramani, NeurIPS 2016), and recurrent weights are dropped too (Merity et
al., "Regularizing and Optimizing LSTM Language Models", ICLR 2018). The adaptive softmax predicts
common words directly and rare words in two steps (Grave et al., "Efficient softmax approximation
for GPUs", ICML 2017), which is exact and faster.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

LstmState = tuple[Tensor, Tensor]  # hidden and memory, float32 (1, batch, hidden) each


class WordLSTM(nn.Module):
    """A one-layer LSTM language model. Word ids are ranks by frequency, the most common first.

    `forward` returns all log-probabilities at every position. `log_likelihoods` and `most_likely`
    return less and are faster. `step` is exported.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        embedding: int,
        hidden: int,
        common: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.hidden, self.common, self.dropout = hidden, common, dropout
        self.embed = nn.Embedding(vocabulary, embedding)
        nn.init.normal_(self.embed.weight, std=0.1)
        self.recurrent = nn.LSTM(embedding, hidden, batch_first=True)
        self.narrow = nn.Linear(hidden, embedding)
        # Published graphs name weights after this attribute, so it keeps its name.
        self.tell = nn.AdaptiveLogSoftmaxWithLoss(embedding, vocabulary, [common], div_value=3.0)

    @torch.no_grad()
    def initialize_embeddings(self, vectors: Tensor) -> None:
        """Set input and output embeddings to word vectors, float32 (vocabulary, embedding).

        The first columns should have the largest variance: rare words use only those at the output.
        """
        self.embed.weight.copy_(vectors)
        self.tell.head.weight[: self.common] = vectors[: self.common]
        reduced, rare = list(self.tell.tail[0].children())
        assert isinstance(reduced, nn.Linear) and isinstance(rare, nn.Linear)
        nn.init.eye_(reduced.weight)
        rare.weight.copy_(vectors[self.common :, : rare.weight.shape[1]])

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the log-probabilities of the word after each word, float32 (B, T, vocabulary).

        tokens: (B, T) int64.
        """
        return self._log_probabilities(self._features(tokens))

    def log_likelihoods(self, tokens: Tensor, targets: Tensor) -> Tensor:
        """Return the log-probability of `targets` (B, T) int64, each after its word in `tokens`."""
        features = self._features(tokens).flatten(0, 1)
        found: Tensor = self.tell(features, targets.flatten()).output
        return found.view_as(targets)

    def most_likely(self, tokens: Tensor) -> Tensor:
        """Return the id of the most likely word after each of `tokens` (B, T) int64."""
        features = self._features(tokens).flatten(0, 1)
        found: Tensor = self.tell.predict(features)
        return found.view_as(tokens)

    def step(self, tokens: Tensor, lengths: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read the first `lengths` (B,) int64 of `tokens` (B, T) int64, starting from `state`.

        state: float32 (B, 2 * hidden), zeros at the start of a text. Returns the log-probabilities
        of the next word, float32 (B, vocabulary), and the state for the next step.
        """
        hidden, memory = state.split(self.hidden, 1)
        if torch.compiler.is_exporting():
            hidden, memory = self._exported(self.embed(tokens), lengths, hidden, memory)
        else:
            packed = nn.utils.rnn.pack_padded_sequence(
                self.embed(tokens), lengths.cpu(), batch_first=True, enforce_sorted=False
            )
            start = (hidden.unsqueeze(0).contiguous(), memory.unsqueeze(0).contiguous())
            hidden, memory = (part.squeeze(0) for part in self.recurrent(packed, start)[1])
        log_probabilities = self._log_probabilities(self.narrow(hidden))
        return log_probabilities, torch.cat([hidden, memory], 1)

    def _features(self, tokens: Tensor) -> Tensor:
        steps = self._dropped(self.embed(tokens))
        if self.training and self.dropout > 0:
            weights: dict[str, Tensor] = dict(self.recurrent.named_parameters())
            weights["weight_hh_l0"] = functional.dropout(weights["weight_hh_l0"], self.dropout)
            states, _ = torch.func.functional_call(self.recurrent, weights, (steps,))
        else:
            states, _ = self.recurrent(steps)
        return self._dropped(self.narrow(self._dropped(states)))

    def _dropped(self, steps: Tensor) -> Tensor:
        """Drop features of `steps` (B, T, F), with one mask for all steps of a sequence."""
        if not self.training or self.dropout == 0:
            return steps
        kept = torch.ones_like(steps[:, :1])
        return steps * functional.dropout(kept, self.dropout)

    def _log_probabilities(self, features: Tensor) -> Tensor:
        """Compute `AdaptiveLogSoftmaxWithLoss.log_prob` in operators that can be exported."""
        first = functional.log_softmax(self.tell.head(features), -1)
        rest = functional.log_softmax(self.tell.tail[0](features), -1)
        return torch.cat([first[..., : self.common], rest + first[..., self.common :]], -1)

    def _exported(
        self, steps: Tensor, lengths: Tensor, hidden: Tensor, memory: Tensor
    ) -> LstmState:
        """Return the last state from one ONNX LSTM node, whose input is (T, B, inputs)."""
        time, batch = steps.shape[1], steps.shape[0]

        def reordered(gates: Tensor) -> Tensor:  # torch: i, f, g, o; ONNX: i, o, f, c
            size = self.hidden
            return torch.cat([gates[gate * size : (gate + 1) * size] for gate in (0, 3, 1, 2)])

        weight, recurrent, *biases = (reordered(part) for part in self.recurrent.all_weights[0])
        shape = [1, batch, self.hidden]
        _, hidden, memory = torch.onnx.ops.symbolic_multi_out(
            "LSTM",
            (
                steps.transpose(0, 1),
                weight.unsqueeze(0),
                recurrent.unsqueeze(0),
                torch.cat(biases).unsqueeze(0),
                lengths.to(torch.int32),
                hidden.unsqueeze(0),
                memory.unsqueeze(0),
            ),
            {"hidden_size": self.hidden},
            dtypes=[steps.dtype] * 3,
            shapes=[[time, *shape], shape, shape],
        )
        return hidden.squeeze(0), memory.squeeze(0)
