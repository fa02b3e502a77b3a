"""ListOps: a Tree-LSTM that is trained on the value of every list within a tree."""

from collections.abc import Sequence
from functools import partial

from torch import nn

from app.bundle import EncoderSpec
from app.modalities.tree.spec import TreeSpec
from training.baselines.lstm import flat_lstm
from training.data.dataset import Sample
from training.data.split import Shares
from training.datasets import listops
from training.fitting.fit import Schedule
from training.measuring.trees import long_tree_accuracy
from training.networks.tree.statistics import WordCounts
from training.networks.tree.tree_lstm import TreeLSTM
from training.outliers import trees
from training.recipes.recipe import Recipe

_HIDDEN = 100


def _prepare(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    spec = TreeSpec(notation="listops")
    return spec, {spec.vocabulary: ("\n".join(listops.VOCABULARY) + "\n").encode()}


def _network(labels: int) -> TreeLSTM:
    words = len(listops.VOCABULARY)
    table = nn.Embedding(words, 32)
    return TreeLSTM(table=table, classes=labels, hidden=_HIDDEN, statistics=WordCounts(words))


RECIPE = Recipe(
    name="listops",
    description="Computes the value of nested lists of digits under MIN, MAX, MED (median) and SM "
    "(sum modulo 10), such as [MAX 2 9 [MIN 4 7 ] 0 ].",
    load=listops.load,
    prepare=_prepare,
    network=_network,
    make_node_targets=lambda _, forest: listops.node_values(forest),
    schedule=Schedule(
        epochs=3,
        batch_size=64,
        learning_rate=5e-3,
        weight_decay=0.0,
        ema=0.998,
        patience=4,
        warmup=0.1,
    ),
    shares=Shares(rule=1),  # its parts are prescribed
    outliers=trees,
    figures=partial(long_tree_accuracy, least=200),
    baseline=flat_lstm,
    golden="listops",
    limits=(
        "A demonstration of tree-structured networks. To compute such a list, write a program: it "
        "is always right.",
        "Errors grow with the size of the list: the accuracy on trees of 200 tokens and more is "
        "{accuracy, trees of 200 tokens and more}.",
        "Only digits and the four operations MIN, MAX, MED and SM, generated as by Nangia and "
        "Bowman (2018).",
        "Its novelty is weak on lists of another meaning: it abstains for only {share of answers "
        "abstained | a program's functions} of a program's functions.",
    ),
)
