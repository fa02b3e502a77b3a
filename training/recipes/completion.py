"""Completion: a word-level LSTM that continues a text, trained on presidents' addresses."""

from collections.abc import Sequence

import torch

from training.data.split import Shares
from training.datasets import state_of_the_union
from training.exporting.card.data import Headline
from training.fitting.fit import Schedule
from training.fitting.objectives import NextWordLoss
from training.networks.backbones.word_vectors import word_vectors
from training.networks.recurrent.language import WordLSTM
from training.recipes.recipe import Language

_VOCABULARY_SIZE, _EMBEDDING_SIZE = 6_000, 160


def _network() -> WordLSTM:
    return WordLSTM(
        vocabulary=_VOCABULARY_SIZE, embedding=_EMBEDDING_SIZE, hidden=320, common=800, dropout=0.25
    )


def _initialise(network: WordLSTM, words: Sequence[str]) -> None:
    network.initialize_embeddings(torch.from_numpy(0.1 * word_vectors(words, _EMBEDDING_SIZE)))


RECIPE = Language(
    name="completion",
    description="Continues an English text, word by word, in the style of the addresses on the "
    "State of the Union since 1934. Its word vectors were initialised with those of "
    "all-MiniLM-L6-v2 (Apache-2.0).",
    load=state_of_the_union.load,
    network=_network,
    initialise=_initialise,
    schedule=Schedule(
        epochs=6,
        batch_size=32,
        learning_rate=5e-3,
        weight_decay=0.02,
        clip=0.5,
        ema=0.998,
        warmup=0.15,
        objective=NextWordLoss(),
    ),
    vocabulary=_VOCABULARY_SIZE,
    passage=70,
    max_words=256,
    shares=Shares(validation=8, test=12, rule=1),
    golden="completion",
    headline=Headline(
        figure="perplexity",
        sentence="Perplexity {value} on {samples} words of addresses that it was not trained on "
        "({split}); lower is better.",
        baseline="perplexity of the baseline",
        comparison="A Kneser-Ney model of order 5 has perplexity {value} on the same words.",
    ),
    limits=(
        "A small language model of 6,000 words. It writes sentences in the style of speeches, "
        "without knowledge: what it says of people, numbers and events is invented.",
        "It follows no instructions and answers no questions.",
        "A word that is not in its vocabulary is read as unknown: {share of words not in the "
        "vocabulary} of the words in the test split.",
        "It continues in the style and with the opinions of presidents' addresses, and filters "
        "nothing.",
    ),
)
