"""Figures of a model on a split."""

import numpy as np
import torch

from tests.training.samples import Toy, squares
from training.measuring.evaluate import evaluate, logits_of

LABELS = ("dark", "light")


def test_accuracy_confusion_and_what_was_wrong():
    examples = squares(4, seed=0)  # dark, light, dark, light
    report = evaluate(np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.0, 1.0]]), examples)
    assert report.accuracy == 0.75 and report.count == 4
    assert report.confusion.tolist() == [[2, 0], [1, 1]]
    assert report.wrong == ["square-0-1"]


def test_labels_that_never_come_are_counted_as_none():
    report = evaluate(np.eye(3)[[0, 1]], squares(2, seed=0))
    assert report.confusion.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_batches_say_what_single_items_say():
    network, examples = Toy(), squares(130, seed=3)  # more than two batches
    together = logits_of(network, examples)
    with torch.no_grad():
        alone = [
            network(torch.from_numpy(examples.batch([i])[0][0])).numpy()
            for i in range(len(examples))
        ]
    assert np.allclose(together, np.concatenate(alone), atol=1e-6)


def test_logits_are_those_of_the_network_at_rest():
    network = torch.nn.Sequential(Toy(), torch.nn.Dropout(0.5)).train()
    examples = squares(20, seed=3)
    assert np.array_equal(logits_of(network, examples), logits_of(network, examples))
