"""Items whose graph inputs are given run past the encoder, in the same batches, never padded."""

from collections.abc import Sequence

import numpy as np
import pytest

from app.bundle.tensors import Arrays
from app.errors import InvalidInput, ModelOutputInvalid
from app.modalities import Payload
from app.modalities.payload import TensorPayload
from app.pipeline import Pipeline, make_items
from app.tasks.classify import ClassifyOptions
from tests import fakes

OPTIONS = ClassifyOptions()


def given(**arrays: np.ndarray) -> TensorPayload:
    return TensorPayload(data=b"", media_type="application/octet-stream", arrays=arrays, cost=1e-5)


def tokens(*ids: int) -> TensorPayload:
    return given(tokens=np.array(ids), length=np.array(len(ids)))


def text(line: str) -> Payload:
    return Payload(line.encode(), "text/plain")


def shapes_that_run(pipeline: Pipeline) -> list[tuple[int, ...]]:
    """Return a list to which every run adds the shape of its first input."""
    seen, run = [], pipeline.run

    def noted(items: Sequence[Arrays], *options):
        seen.append((len(items), max(len(item["tokens"]) for item in items)))
        return run(items, *options)

    pipeline.run = noted  # type: ignore[method-assign]
    return seen


def test_given_tensors_have_the_answer_of_the_payload() -> None:
    pipeline = Pipeline(fakes.text_bundle())
    payload = text("the day is good")
    encoded = pipeline.encoder.encode(payload)
    assert pipeline.predict([given(**encoded.arrays)]) == pipeline.predict([payload])


def test_given_tensors_run_with_others_of_their_shape_only() -> None:
    pipeline = Pipeline(fakes.text_bundle())
    items = [tokens(1, 2, 3), tokens(1, 2), tokens(4, 5, 6), text("good good bad"), tokens(3, 4)]
    alone = [pipeline.predict([item])[0] for item in items]
    seen = shapes_that_run(pipeline)
    answers = [each.answer for each in pipeline.answer(make_items(items, OPTIONS))]
    assert sorted(seen) == [(1, 3), (2, 2), (2, 3)]
    assert [a.label for a in answers] == [a.label for a in alone]


def test_payloads_of_similar_lengths_still_run_together() -> None:
    pipeline = Pipeline(fakes.text_bundle())
    seen = shapes_that_run(pipeline)
    pipeline.answer(make_items([text("good " * 10), text("bad " * 10), tokens(1)], OPTIONS))
    assert sorted(seen) == [(1, 1), (2, 10)]


def test_what_the_graph_cannot_answer_is_the_mistake_of_who_gave_it() -> None:
    pipeline = Pipeline(fakes.faulty_bundle())
    black, blue = (np.zeros((8, 8, 3), np.uint8) + np.uint8(level) for level in (0, 60))
    wrong, right = pipeline.answer(make_items([given(image=black), given(image=blue)], OPTIONS))
    assert isinstance(wrong, InvalidInput) and wrong.index == 0
    assert not isinstance(right, Exception)
    [payload] = pipeline.answer(
        make_items([Payload(fakes.plain(fakes.BLACK), "image/png")], OPTIONS)
    )
    assert isinstance(payload, ModelOutputInvalid)


@pytest.mark.parametrize("bundle", [fakes.text_bundle, fakes.words_bundle])
@pytest.mark.parametrize(
    ("ids", "lengths", "index"),
    [([[1, 2], [1, -1]], [2, 2], 1), ([[9999, 0]], [2], 0), ([[1]], [0], 0), ([[1]], [2], 0)],
)
def test_tokens_that_no_encoder_makes_are_refused(bundle, ids, lengths, index: int) -> None:
    pipeline = Pipeline(bundle())
    arrays = {"tokens": np.array(ids), "length": np.array(lengths)}
    assert pipeline.modality.take_tensors is not None
    with pytest.raises(InvalidInput) as refused:
        pipeline.modality.take_tensors(pipeline.encoder, arrays)
    assert refused.value.index == index
