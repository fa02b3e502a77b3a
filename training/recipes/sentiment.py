"""Sentiment: Tree-LSTMs over the sentences of the treebank, taught the label of every phrase."""

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from app.bundle import EncoderSpec, TreeSpec
from training.data import sentiment_treebank
from training.data.dataset import Sample
from training.data.sentiment_treebank import LABELS, node_labels, words
from training.data.split import Shares
from training.data.word_vectors import known_words, word_vectors
from training.fitting.fit import Schedule
from training.fitting.objectives import polarity_loss
from training.measuring.figures import polarity
from training.networks.recursive import ForestEnsemble, TreeLSTM, WordTable
from training.recipes.recipe import Recipe

MEMBERS, EMBEDDING, HIDDEN = 3, 300, 150
KNOWN = 20_000  # common words beside those of the training sentences
WORDS, TUNED = 28_500, 17_000  # that the table has room for; the training sentences' come first


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
            TreeLSTM(table=table, classes=labels, hidden=HIDDEN, dropout=0.4, word_dropout=0.05)
            for _ in range(MEMBERS)
        ]
    )


def _tables(network: nn.Module) -> list[WordTable]:
    return [module for module in network.modules() if isinstance(module, WordTable)]


def _start(network: nn.Module, files: Mapping[str, bytes]) -> None:
    """Give every word its vector, once for all members."""
    vocabulary = files["vocabulary.txt"].decode().split("\n")[1:-1]
    for table in _tables(network):
        table.fill(torch.from_numpy(word_vectors(vocabulary, EMBEDDING)))


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
    start=_start,
    finish=_finish,
    teach=node_labels,
    labels=LABELS,
    schedule=Schedule(
        epochs=5,
        batch=32,
        rate=5e-3,
        ema=0.995,
        patience=5,
        warmup=0.1,
        beside=polarity_loss,
    ),
    shares=Shares(validation=5, test=0),
    figures=polarity,
    golden="sentiment",
)
