"""Sentiment: a Tree-LSTM over the sentences of the treebank, trained on the label of every phrase.

Its leaves are a sentence encoder's contextual embeddings of the words, fine-tuned with the tree.
"""

import logging
from collections.abc import Mapping, Sequence

from torch import nn

from app.bundle import EncoderSpec, Measurement
from app.modalities import Encoder
from app.modalities.tree.spec import TreeSpec
from training.data.dataset import Sample
from training.data.encode import Examples
from training.data.split import Shares
from training.datasets import sentiment_treebank
from training.datasets.sentiment_treebank import LABELS, node_labels, words
from training.exporting.card.data import Headline
from training.fitting.fit import Schedule
from training.fitting.objectives import polarity_loss
from training.measuring.faithfulness import word_deletion_test
from training.measuring.trees import polarity_accuracy
from training.modalities.tree import forget_words
from training.networks.backbones.word_vectors import common_words, pieces_of, words_in_context
from training.networks.tree.contextual import ContextualTreeLSTM
from training.networks.tree.statistics import WordSum
from training.outliers import sentences
from training.recipes.recipe import Recipe

_LOG = logging.getLogger(__name__)
_HIDDEN = 150
_MAX_WORDS = 256  # of a sentence, at most: the encoder reads every one of them
KNOWN = 30_000  # common words beside those of the training sentences, at most


def _prepare(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    """Take the words of the training sentences into the vocabulary, then common words."""
    spec = TreeSpec(notation="ptb", max_leaves=_MAX_WORDS)
    seen = {word.lower() for sample in train for word in words(sample.payload)}
    vocabulary = ["", *sorted(seen), *sorted(set(common_words(KNOWN)) - seen)]
    return spec, {spec.vocabulary: ("\n".join(vocabulary) + "\n").encode()}


def _network(labels: int) -> ContextualTreeLSTM:
    return ContextualTreeLSTM(
        words=words_in_context(), classes=labels, hidden=_HIDDEN, dropout=0.2, statistics=WordSum()
    )


def _initialise(network: nn.Module, files: Mapping[str, bytes]) -> None:
    """Set the word pieces of every word of the vocabulary."""
    assert isinstance(network, ContextualTreeLSTM)
    network.words.set_vocabulary(pieces_of(_vocabulary(files)))


def _vocabulary(files: Mapping[str, bytes]) -> list[str]:
    return files["vocabulary.txt"].decode().split("\n")[1:-1]


def _finish(network: nn.Module) -> None:
    assert isinstance(network, ContextualTreeLSTM)
    network.words.encoder.round_to_half()


def _figures(model: bytes, test: Examples, encoder: Encoder) -> list[Measurement]:
    figures = polarity_accuracy(model, test, encoder)
    if deleted := word_deletion_test(model, test, forget_words):
        _LOG.info("%s", deleted)
        figures += deleted.measurements("test")
    return figures


RECIPE = Recipe(
    name="sentiment",
    description="Classifies the sentiment of an English sentence, and of each phrase in it, from "
    "very negative to very positive. The input is a sentence with its binary tree, "
    "(3 (2 It) (4 (4 works) (2 .))), or plain text, for which a fixed rule makes the tree.",
    load=sentiment_treebank.load,
    prepare=_prepare,
    network=_network,
    initialise=_initialise,
    finish=_finish,
    make_node_targets=node_labels,
    labels=LABELS,
    schedule=Schedule(
        epochs=4,
        batch_size=32,
        learning_rate=2e-3,
        backbone_lr_scale=0.05,
        warmup=0.1,
        patience=None,
        auxiliary_loss=polarity_loss,
    ),
    shares=Shares(validation=5, test=0, rule=1),
    figures=_figures,
    outliers=sentences,
    train_outliers=tuple(
        f"sentences of {kind}"
        for kind in ("pages of a novel", "speeches", "e-mails", "an encyclopaedia")
    ),
    golden="sentiment",
    headline=Headline(
        figure="accuracy, positive or negative",
        sentence="{percent} % of {samples} test sentences that are not neutral are classified "
        "correctly as positive or negative.",
        baseline="accuracy, positive or negative, without the trees",
        comparison="From plain text, without the treebank's trees, it is {percent} %.",
    ),
    limits=(
        "Single English sentences of film reviews. On other subjects, on whole texts and on chat "
        "it was not measured.",
        "The five labels are hard to separate: the right one of five is chosen for {accuracy} of "
        "the test sentences, and prediction sets hold several labels.",
        "The test split is the authors' development set; their own test set was kept aside and "
        "never used.",
        "Irony, and opinions that need knowledge of the world, were not measured.",
        "The licence of the treebank is not stated by its authors; check it before commercial use.",
    ),
)
