"""A recurrent text classifier whose outputs do not depend on the padding of the batch."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from training.networks.heads.model_output import ModelOutput, averaged, centred_label_weights
from training.networks.recurrent.bag_of_ngrams import pair_buckets, true_steps

BIGRAM_BUCKETS = 1 << 16  # pairs of neighbouring tokens share rows of a table of this size
BIGRAM_SIZE = 24  # size of a pair's embedding
RECURRENT_STEPS = 200  # the recurrent layer reads the first 200 tokens, the bags read all


class MaskedLSTM(nn.Module):
    """A one-layer bidirectional LSTM that is exact under any padding.

    The forward direction reads padding only after the last true step. The backward direction is a
    forward one over each sequence reversed within its own length. So neither depends on padding.
    This equals a packed bidirectional layer and trains about six times as fast on a CPU. In the
    exported graph it is one ONNX operator with ``sequence_lens``, which is equivalent.
    """

    def __init__(self, *, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.ahead = nn.LSTM(inputs, hidden, batch_first=True)
        self.back = nn.LSTM(inputs, hidden, batch_first=True)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Run over ``steps`` (B, T, inputs) float32 with true ``lengths`` (B,) int64, each in 1..T.

        Returns the states (B, T, 2 * hidden) float32, zero at padding.
        """
        if torch.compiler.is_exporting():
            return self._exported(steps, lengths)
        ahead = self.ahead(steps)[0]
        back = reverse_steps(self.back(reverse_steps(steps, lengths))[0], lengths)
        return torch.cat([ahead, back], 2) * true_steps(steps, lengths).unsqueeze(2)

    def _exported(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Return the same states from one ONNX LSTM node, whose input is (T, B, inputs)."""
        batch, time = steps.shape[0], steps.shape[1]
        weight, recurrent, bias = self._onnx_weights()
        state = [2, batch, self.hidden]
        states = torch.onnx.ops.symbolic_multi_out(
            "LSTM",
            (steps.transpose(0, 1), weight, recurrent, bias, lengths.to(torch.int32)),
            {"hidden_size": self.hidden, "direction": "bidirectional"},
            dtypes=[steps.dtype] * 3,
            shapes=[[time, *state], state, state],
        )[0]
        return states.permute(2, 0, 1, 3).reshape(batch, time, 2 * self.hidden)

    def _onnx_weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return W, R and B by direction, in ONNX's gate order i, o, f, c (torch: i, f, g, o)."""

        def reordered(gates: Tensor) -> Tensor:
            # Slices, not chunk(): the exporter folds these into constants.
            size = self.hidden
            return torch.cat([gates[gate * size : (gate + 1) * size] for gate in (0, 3, 1, 2)])

        cells = [cell.all_weights[0] for cell in (self.ahead, self.back)]
        weight = torch.stack([reordered(cell[0]) for cell in cells])
        recurrent = torch.stack([reordered(cell[1]) for cell in cells])
        bias = torch.stack([torch.cat([reordered(cell[2]), reordered(cell[3])]) for cell in cells])
        return weight, recurrent, bias


def reverse_steps(steps: Tensor, lengths: Tensor) -> Tensor:
    """Reverse each row of ``steps`` (B, T, F) within its own length; padding stays in place."""
    position = torch.arange(steps.shape[1], device=steps.device)
    mirrored = lengths.unsqueeze(1) - 1 - position
    source = torch.where(mirrored < 0, position, mirrored)
    return steps.gather(1, source.unsqueeze(2).expand(-1, -1, steps.shape[2]))


class Pooling(nn.Module):
    """Pools the true steps of a sequence by attention, by maximum and by mean."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.attend = nn.Linear(features, 1)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """Pool ``steps`` (B, T, F) float32 of true ``lengths`` (B,) int64 into (B, 3 * F)."""
        mask = true_steps(steps, lengths).unsqueeze(2)
        attended = (self._attention(steps, mask) * steps).sum(1)
        peak = steps.masked_fill(~mask, -torch.inf).amax(1)
        total = steps.masked_fill(~mask, 0.0).sum(1)
        return torch.cat([attended, peak, total / lengths.unsqueeze(1).to(total.dtype)], 1)

    def _attention(self, steps: Tensor, mask: Tensor) -> Tensor:
        """Return the weights of the steps, (B, T, 1), 0 where `mask` (B, T, 1) is false."""
        return self.attend(steps).masked_fill(~mask, -torch.inf).softmax(1)

    def shares(self, steps: Tensor, lengths: Tensor, weights: Tensor) -> Tensor:
        """Return what each step adds to ``forward(steps, lengths) @ weights``, (B, T) float32.

        ``weights`` is (B, 3 * F). A maximum counts for the step that has it.
        """
        mask = true_steps(steps, lengths).unsqueeze(2)
        attended, peak, mean = weights.unsqueeze(2).chunk(3, 1)  # each (B, F, 1)
        highest = steps == steps.masked_fill(~mask, -torch.inf).amax(1, keepdim=True)
        total = self._attention(steps, mask) * (steps @ attended) + (steps * highest) @ peak
        total = total + steps @ mean / lengths[:, None, None].to(steps.dtype)
        return total.masked_fill(~mask, 0.0).squeeze(2)


class TextRecurrentNet(nn.Module):
    """A bidirectional LSTM on the first tokens, and bags of all tokens and of all token pairs.

    Each is pooled over its true steps, and one linear layer reads all three. In training mode a
    token becomes the zero vector of padding at a rate drawn for each text from 0 to 2
    ``word_dropout``, and ``dropout`` applies to the embeddings and to the pooled features.
    """

    def __init__(
        self,
        *,
        vocabulary: int,
        classes: int = 2,
        embedding: int = 48,
        hidden: int = 32,
        dropout: float = 0.5,
        word_dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.word_dropout = word_dropout
        self.embed = nn.Embedding(vocabulary, embedding, padding_idx=0)
        self.embed_pairs = nn.Embedding(BIGRAM_BUCKETS, BIGRAM_SIZE)
        nn.init.normal_(self.embed.weight, std=0.1)
        nn.init.zeros_(self.embed.weight[0])
        nn.init.normal_(self.embed_pairs.weight, std=0.05)
        self.recurrent = MaskedLSTM(inputs=embedding, hidden=hidden)
        self.dropout = nn.Dropout(dropout)
        self.pool_states = Pooling(2 * hidden)
        self.pool_bags = Pooling(embedding + BIGRAM_SIZE)
        self.head = nn.Linear(3 * (2 * hidden + embedding + BIGRAM_SIZE), classes)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Classify ``tokens`` (B, T) int64, zero after ``lengths`` (B,) int64, each in 1..T.

        Returns the logits (B, classes) float32.
        """
        if self.training and self.word_dropout > 0:
            rates = 2 * self.word_dropout * torch.rand(len(tokens), 1, device=tokens.device)
            lost = torch.rand(tokens.shape, device=tokens.device) < rates
            tokens = tokens.masked_fill(lost, 0)
        return self.read(tokens, lengths).logits

    def read(self, tokens: Tensor, lengths: Tensor) -> ModelOutput:
        """As ``forward``. The attribution of a recurrent state counts for its own token."""
        embedded = self.dropout(self.embed(tokens))
        pairs = self.dropout(self.embed_pairs(pair_buckets(tokens, BIGRAM_BUCKETS)))
        steps = torch.cat([embedded, pairs], 2)
        bags = self.pool_bags(steps, lengths)
        read = lengths.clamp(max=RECURRENT_STEPS)
        states = self.recurrent(embedded[:, :RECURRENT_STEPS], read)
        pooled = torch.cat([self.pool_states(states, read), bags], 1)
        return ModelOutput(
            self.head(self.dropout(pooled)),
            pooled,
            partial(self._attribution, (states, read), (steps, lengths)),
        )

    def _attribution(
        self, states: tuple[Tensor, Tensor], steps: tuple[Tensor, Tensor], labels: Tensor
    ) -> Tensor:
        """Return what each token adds to the label's logit, (B, T) float32."""
        weights = centred_label_weights(self.head.weight, labels)
        border = 3 * states[0].shape[2]
        read = self.pool_states.shares(*states, weights[:, :border])
        bags = self.pool_bags.shares(*steps, weights[:, border:])
        return bags + nn.functional.pad(read, (0, bags.shape[1] - read.shape[1]))


class TextEnsemble(nn.Module):
    """An ensemble of networks whose members are trained independently.

    In training mode the output is (B, classes, members), so that the cross-entropy with the targets
    repeated to (B, members) trains each member on its own. In evaluation mode it is the members'
    mean logits, (B, classes).
    """

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """Classify ``tokens`` (B, T) int64, zero after ``lengths`` (B,) int64, each in 1..T."""
        logits = torch.stack([member(tokens, lengths) for member in self.members], 2)
        return logits if self.training else logits.mean(2)

    def read(self, tokens: Tensor, lengths: Tensor) -> ModelOutput:
        """Return the members' mean logits and attribution, and their concatenated embeddings."""
        outputs = [member.read(tokens, lengths) for member in self.members]  # type: ignore[operator]
        return averaged(outputs)
