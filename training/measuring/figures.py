"""Figures that are told of one kind of model, measured on the exported graph."""

from dataclasses import replace

import numpy as np

from app.bundle import Measurement
from app.bundle.tensors import PROBABILITIES
from app.modalities import Encoder, Payload
from training.data.encode import Examples, encode
from training.datasets.sentiment_treebank import LABELS, NEUTRAL, words
from training.measuring.evaluate import probabilities_of


def long_trees(model: bytes, test: Examples, _: Encoder, *, least: int) -> list[Measurement]:
    """Return the accuracy on the trees of at least so many leaves, if there are any."""
    chosen = np.flatnonzero(np.asarray([len(item["tokens"]) for item in test.items]) >= least)
    if not len(chosen):
        return []
    trees = test.select(chosen.tolist())
    right = probabilities_of(model, trees, PROBABILITIES).argmax(1) == trees.targets
    name = f"accuracy, trees of {least} tokens and more"
    return [Measurement(name=name, value=float(right.mean()), split="test", samples=len(trees))]


def polarity(model: bytes, test: Examples, encoder: Encoder) -> list[Measurement]:
    """Return the accuracy on good or bad alone, as the literature reports it beside the fine one.

    Neutral sentences are left out, and the probabilities of either side of neutral are summed.
    Measured with the treebank's trees, and on the words as plain text.
    """
    chosen = test.select(np.flatnonzero(test.targets != NEUTRAL).tolist())
    texts = [
        replace(sample, payload=Payload(" ".join(words(sample.payload)).encode(), "text/plain"))
        for sample in chosen.samples
    ]
    guessed, _ = encode(encoder, texts, LABELS, chosen.inputs)
    figures = []
    for name, examples in (
        ("accuracy, positive or negative", chosen),
        ("accuracy, positive or negative, without the trees", guessed),
    ):
        scores = probabilities_of(model, examples, PROBABILITIES)
        good = scores[:, NEUTRAL + 1 :].sum(1) > scores[:, :NEUTRAL].sum(1)
        right = float((good == (examples.targets > NEUTRAL)).mean())
        figures.append(Measurement(name=name, value=right, split="test", samples=len(examples)))
    return figures
