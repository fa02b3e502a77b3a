"""The in-process limit runs any classifier, whatever else its graph gives."""

import numpy as np
import pytest

from app.bundle import read_bundle
from app.registry import SHIPPED
from benchmarks.inputs import MODELS
from benchmarks.limit import scorer


@pytest.mark.parametrize(
    ("name", "item"),
    [("spoken-digits", np.zeros((2, 8000), np.int16)), ("digits", np.zeros((2, 28, 28, 1), "u1"))],
)
def test_a_graph_with_several_outputs_gives_its_scores(name: str, item: np.ndarray) -> None:
    manifest = read_bundle(MODELS / name / "1", SHIPPED).manifest
    assert len(manifest.outputs) > 1
    scores = scorer(MODELS / name / "1", 1)({manifest.inputs[0].name: item})
    assert scores.shape == (2, len(manifest.labels))
    assert scores.sum(1) == pytest.approx(1, abs=1e-4)
