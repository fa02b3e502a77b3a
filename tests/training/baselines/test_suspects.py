"""Labels that are probably wrong."""

import numpy as np
import pytest

from tests.training.baselines.test_linear import encoded
from training.baselines.suspects import suspected_labels
from training.data.encode import Examples
from training.modalities import TRAINING_MODALITIES

LABELS = {"image": ("disc", "bar"), "audio": ("tone", "noise"), "text": ("ham", "spam")}


@pytest.mark.parametrize("kind", ["image", "audio", "text"])
def test_labels_that_were_changed_come_first(kind: str):
    baseline = TRAINING_MODALITIES[kind].baseline
    assert baseline is not None
    parts = [encoded(kind, seed, 40) for seed in range(2)]
    targets = parts[1].targets.copy()
    changed = [3, 20, 41]
    targets[changed] = 1 - targets[changed]
    wrong = Examples(parts[1].items, targets, parts[1].samples, parts[1].inputs)
    found = suspected_labels(baseline, [parts[0], wrong], LABELS[kind])
    assert found.samples == 160
    first = {(s.name, s.given, s.likely) for s in found.suspects[:3]}
    names = LABELS[kind]
    expected = {
        (parts[1].samples[i].name, names[targets[i]], names[1 - targets[i]]) for i in changed
    }
    assert len(first & expected) >= (2 if kind == "image" else 3)  # of pictures it sees less
    assert all(0.5 < s.probability <= 1 for s in found.suspects)
    assert len(found.suspects) <= 8
    margins = [s.probability for s in found.suspects]
    assert margins == sorted(margins, reverse=True)  # of two labels, the margin's order


def test_right_labels_are_not_suspected():
    baseline = TRAINING_MODALITIES["text"].baseline
    assert baseline is not None
    found = suspected_labels(baseline, [encoded("text", 0, 40)], LABELS["text"])
    assert found.suspects == ()


def test_too_few_samples_are_judged_by_nobody():
    baseline = TRAINING_MODALITIES["text"].baseline
    assert baseline is not None
    few = encoded("text", 0, 2)
    assert suspected_labels(baseline, [few], LABELS["text"]).suspects == ()
    one = few.select(np.flatnonzero(few.targets == 0).tolist() * 4)
    assert suspected_labels(baseline, [one], LABELS["text"]).suspects == ()
