"""A plain LSTM classifier of sequences; the baseline for tree networks."""

import torch
from torch import Tensor, nn


class FlatLSTM(nn.Module):
    """A one-layer LSTM and one linear layer on its last state."""

    def __init__(self, *, vocabulary: int, classes: int, embedding: int, hidden: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, embedding)
        self.recurrent = nn.LSTM(embedding, hidden, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Classify `tokens` (B, T) int64, of which the first `lengths` (B,) int64 count.

        Returns the logits (B, classes) float32. Padding comes after the last token.
        """
        states = self.recurrent(self.embed(tokens))[0]
        last = states[torch.arange(len(tokens), device=tokens.device), lengths - 1]
        logits: Tensor = self.head(last)
        return logits
