"""Sentiment: Tree-LSTMs over the sentences of the treebank, taught the label of every phrase.

A teacher that reads the words in their context says what it makes of every phrase as well, and of
new sentences that are made of the old ones.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from app.bundle import EncoderSpec, TreeSpec
from training.data import sentiment_treebank
from training.data.dataset import Sample
from training.data.sentiment_treebank import LABELS, node_labels, words
from training.data.split import Shares
from training.data.word_vectors import known_words, word_vectors, words_in_context
from training.fitting.distillation import Distilled
from training.fitting.fit import Schedule
from training.fitting.objectives import polarity_loss
from training.measuring.figures import polarity
from training.networks.contextual import ContextualTreeLSTM
from training.networks.counting import PooledWords
from training.networks.recursive import ForestEnsemble, TreeLSTM, WordTable
from training.outliers import sentences
from training.recipes.recipe import Recipe

MEMBERS, EMBEDDING, HIDDEN = 3, 300, 150
KNOWN = 20_000  # common words beside those of the training sentences
WORDS, TUNED = 28_500, 17_000  # that the table has room for; the training sentences' come first
KEPT = 3  # layers of the teacher's encoder that do not learn
NEAR = 15  # words that may stand for one


def _prepare(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    """Know the words of the training sentences, and then the common ones."""
    spec = TreeSpec(notation="ptb")
    seen = {word.lower() for sample in train for word in words(sample.payload)}
    vocabulary = ["", *sorted(seen), *sorted(set(known_words(KNOWN)) - seen)]
    return spec, {spec.vocabulary: ("\n".join(vocabulary) + "\n").encode()}


def _network(labels: int) -> ForestEnsemble:
    table = WordTable(WORDS, EMBEDDING, tuned=TUNED)
    return ForestEnsemble(
        [
            TreeLSTM(
                table=table,
                classes=labels,
                hidden=HIDDEN,
                dropout=0.4,
                word_dropout=0.05,
                traits=None if member else PooledWords(),
            )
            for member in range(MEMBERS)
        ]
    )


def _tables(network: nn.Module) -> list[WordTable]:
    return [module for module in network.modules() if isinstance(module, WordTable)]


def _teacher(labels: int, files: Mapping[str, bytes]) -> ContextualTreeLSTM:
    words = words_in_context(_vocabulary(files), kept=KEPT)
    return ContextualTreeLSTM(words=words, classes=labels, hidden=HIDDEN, dropout=0.2)


def _start(network: nn.Module, teacher: ContextualTreeLSTM, files: Mapping[str, bytes]) -> None:
    """Give every word its vector, half of it from what the teacher's encoder makes of it."""
    vectors = word_vectors(_vocabulary(files), EMBEDDING, teacher.words.encoder)
    for table in _tables(network):
        table.fill(torch.from_numpy(vectors))


def _vocabulary(files: Mapping[str, bytes]) -> list[str]:
    return files["vocabulary.txt"].decode().split("\n")[1:-1]


def _near(network: nn.Module) -> np.ndarray:
    """Return for every word the words of the nearest vectors, by cosine."""
    vectors = functional.normalize(_tables(network)[0].given.float())
    near = [(part @ vectors.T).topk(1 + NEAR).indices[:, 1:] for part in vectors.split(1024)]
    return torch.cat(near).numpy()


def _finish(network: nn.Module) -> None:
    for table in _tables(network):
        table.settle()


RECIPE = Recipe(
    name="sentiment",
    description="Tells how an English sentence judges what it speaks of, and how its every phrase "
    "does, from very negative to very positive. Reads a sentence with its binary tree, "
    "(3 (2 It) (4 (4 works) (2 .))), or plain text, to which a fixed rule gives one.",
    load=sentiment_treebank.load,
    prepare=_prepare,
    network=_network,
    finish=_finish,
    teach=node_labels,
    learn=Distilled(
        teacher=_teacher,
        schedule=Schedule(
            epochs=3,
            batch=32,
            rate=2e-3,
            trunk=0.025,
            warmup=0.1,
            patience=None,
            beside=polarity_loss,
        ),
        start=_start,
        near=_near,
        copies=2,
    ),
    labels=LABELS,
    schedule=Schedule(
        epochs=5,
        batch=32,
        rate=5e-3,
        ema=0.995,
        patience=None,
        warmup=0.1,
        beside=polarity_loss,
    ),
    shares=Shares(validation=5, test=0),
    figures=polarity,
    outliers=sentences,
    shown=tuple(
        f"sentences of {kind}"
        for kind in ("pages of a novel", "speeches", "e-mails", "an encyclopaedia")
    ),
    golden="sentiment",
)
