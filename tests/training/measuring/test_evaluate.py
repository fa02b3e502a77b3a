"""Figures of a model on a split."""

import numpy as np
import torch

from tests.training.samples import Toy, squares
from training.measuring.evaluate import evaluate, logits_of

LABELS = ("dark", "light")


def test_evaluate_accuracy_confusion_and_mistakes():
    examples = squares(4, seed=0)  # dark, light, dark, light
    report = evaluate(np.array([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.0, 1.0]]), examples)
    assert report.accuracy == 0.75 and report.count == 4
    assert report.confusion.tolist() == [[2, 0], [1, 1]]
    assert report.wrong == ["square-0-1"]


def test_confusion_has_rows_of_zeros_for_absent_labels():
    report = evaluate(np.eye(3)[[0, 1]], squares(2, seed=0))
    assert report.confusion.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_logits_of_a_batch_equal_those_of_single_items():
    network, examples = Toy(), squares(130, seed=3)  # more than two batches
    together = logits_of(network, examples)
    with torch.no_grad():
        alone = [
            network(torch.from_numpy(examples.batch([i])[0][0])).numpy()
            for i in range(len(examples))
        ]
    assert np.allclose(together, np.concatenate(alone), atol=1e-6)


def test_logits_are_computed_in_evaluation_mode():
    network = torch.nn.Sequential(Toy(), torch.nn.Dropout(0.5)).train()
    examples = squares(20, seed=3)
    assert np.array_equal(logits_of(network, examples), logits_of(network, examples))
