"""Plain methods that a network has to beat."""

from dataclasses import replace

import numpy as np

from tests.training.samples import sample, sentence
from training.baselines.tfidf import tfidf_logistic_regression
from training.data.split import Splits


def test_each_test_sample_is_marked_right_or_wrong_in_its_place():
    rng = np.random.default_rng(0)
    train, validation, test = (
        [
            sample(f"{part}-{i}", label, sentence(label, rng).encode())
            for i in range(6)
            for label in ("ham", "spam")
        ]
        for part in ("train", "validation", "test")
    )
    test[3] = replace(test[3], label="ham")  # it reads like spam
    line, right = tfidf_logistic_regression(Splits(train, validation, test))
    assert line.startswith("tf-idf")
    assert right.tolist() == [i != 3 for i in range(12)]
