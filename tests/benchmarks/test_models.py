"""The networks run, whatever the batch, and their answers differ from one input to the next."""

import numpy as np
import pytest

from app.runtime.session import Session
from benchmarks import graphs, inputs
from benchmarks.peers.picture import decode


def test_small_network_separates_pictures() -> None:
    session = Session(graphs.small(graphs.Spread(sharpness=8.0)))
    pictures = np.stack([decode(p, 32) for p in inputs.photos(4, (32, 32), 1200)])
    scores = session.run({"image": pictures})["probabilities"]
    assert scores.shape == (4, graphs.DIGITS)
    assert scores.sum(1) == pytest.approx(1, abs=1e-5)
    assert np.ptp(scores, axis=0).max() > 0.01


def test_padding_does_not_change_a_texts_answer() -> None:
    session = Session(graphs.text(vocabulary=50, width=16))
    tokens, length = np.arange(1, 9)[None], np.array([8])
    alone = session.run({"tokens": tokens, "length": length})["probabilities"]
    padded = np.pad(tokens, ((0, 0), (0, 5)))
    again = session.run({"tokens": padded, "length": length})["probabilities"]
    assert alone == pytest.approx(again, abs=1e-6)


def test_graphs_are_the_same_bytes_every_time() -> None:
    assert graphs.small() == graphs.small()
    assert inputs.photos(2, (32, 32), 1200) == inputs.photos(2, (32, 32), 1200)


def test_photos_have_the_requested_size() -> None:
    (photo,) = inputs.photos(1, (640, 480), 100_000)
    assert 50_000 < len(photo) <= 100_000
    assert decode(photo, 224).shape == (224, 224, 3)
