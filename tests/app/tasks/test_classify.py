import numpy as np
import pytest

from app.errors import ModelOutputInvalid
from app.tasks.classify import probabilities, rank_labels
from tests import fakes


@pytest.fixture(scope="module")
def manifest():
    return fakes.image_bundle().manifest


def test_rank_labels_sorts_by_probability_and_keeps_ties_in_order() -> None:
    top = rank_labels(np.array([0.25, 0.5, 0.25]), ("a", "b", "c"), 3)
    assert top == (("b", 0.5), ("a", 0.25), ("c", 0.25))


@pytest.mark.parametrize(("top_k", "count"), [(1, 1), (2, 2), (1000, 3)])
def test_rank_labels_returns_top_k(top_k: int, count: int) -> None:
    assert len(rank_labels(np.array([0.2, 0.5, 0.3]), ("a", "b", "c"), top_k)) == count


def test_probabilities_stay_unchanged(manifest) -> None:
    scores = np.array([0.1, 0.7, 0.2], dtype=np.float32)
    assert np.array_equal(probabilities(manifest, {"probabilities": scores}), scores)


def test_logits_become_probabilities_at_the_temperature(manifest) -> None:
    hot = manifest.model_copy(update={"scores": "logits", "temperature": 2.0})
    made = probabilities(hot, {"probabilities": np.array([1000.0, 998.0, -1e30])})
    assert made == pytest.approx([1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1)), 0])
    assert made.dtype == np.float32


@pytest.mark.parametrize("scores", [[0.5, 0.5], [0.1] * 4, [np.nan, 0, 1], [np.inf, 0, 0], []])
def test_invalid_scores_are_refused(manifest, scores) -> None:
    with pytest.raises(ModelOutputInvalid, match="a number for every label"):
        probabilities(manifest, {"probabilities": np.array(scores)})
