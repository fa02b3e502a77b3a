"""A bad item of a batch fails alone, with its own error, and its neighbours get their answers."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from app.bundle import Bundle
from app.bundle.tensors import Arrays
from app.errors import InvalidBundle, ModelOutputInvalid
from app.modalities import Payload
from app.pipeline import Pipeline, make_items
from app.tasks import Options
from app.tasks.classify import ClassifyOptions
from app.tasks.complete import CompleteOptions
from app.tasks.embed import EmbedOptions
from app.tasks.reconstruct import ReconstructOptions
from tests import fakes, media

Run = Callable[..., list[dict[str, np.ndarray]]]


def images(*colours: tuple[int, int, int]) -> list[Payload]:
    return [Payload(fakes.plain(colour), "image/png") for colour in colours]


def texts(*lines: str) -> list[Payload]:
    return [Payload(line.encode(), "text/plain") for line in lines]


BLUES = images((0, 0, 200), (0, 0, 210), (0, 0, 220), (0, 0, 230), (0, 0, 240))
# One of every modality; texts run in groups of similar lengths, trees as a forest.
BATCHES = [
    (fakes.image_bundle, BLUES, ClassifyOptions()),
    (fakes.text_bundle, texts("good", "bad", "day " * 9, "fine " * 9, "sorry"), ClassifyOptions()),
    (fakes.tree_bundle, texts("a", "(0 (1 a) (1 is))", "fine", "bad", "day"), ClassifyOptions()),
    (
        fakes.audio_bundle,
        [Payload(media.sound(media.tone(100 * n)), "audio/wav") for n in range(1, 6)],
        ClassifyOptions(),
    ),
    (fakes.autoencoder_bundle, BLUES, ReconstructOptions()),
    (fakes.embedding_bundle, BLUES, EmbedOptions()),
    (fakes.words_bundle, texts("we", "we are", "the", "the day", "and"), CompleteOptions()),
]
BAD = 3


def failing(run: Run, bad: Arrays) -> Run:
    """Return `run`, which raises if `bad` is among the items."""

    def picky(items: Sequence[Arrays], *how: object) -> list[dict[str, np.ndarray]]:
        if any(is_same(item, bad) for item in items):
            raise InvalidBundle("ONNX Runtime cannot run the graph")
        return run(items, *how)

    return picky


def contagious(run: Run, bad: Arrays) -> Run:
    """Return `run`, whose outputs are NaN for every item that runs together with `bad`."""

    def spoilt(items: Sequence[Arrays], *how: object) -> list[dict[str, np.ndarray]]:
        outputs = run(items, *how)
        if not any(is_same(item, bad) for item in items):
            return outputs
        return [{name: np.full_like(a, math.nan) for name, a in one.items()} for one in outputs]

    return spoilt


def is_same(one: Arrays, other: Arrays) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in other)


@pytest.mark.parametrize("spoil", [failing, contagious])
@pytest.mark.parametrize(("make", "payloads", "options"), BATCHES)
def test_a_bad_item_fails_alone(
    make: Callable[[], Bundle], payloads: list[Payload], options: Options, spoil, monkeypatch
) -> None:
    pipeline = Pipeline(make())
    expected = [pipeline.answer(make_items([payload], options))[0] for payload in payloads]
    bad = pipeline.encoder.encode(payloads[BAD]).arrays
    monkeypatch.setattr(pipeline, "run", spoil(pipeline.run, bad))
    answers = pipeline.answer(make_items(payloads, options))
    failed = answers.pop(BAD)
    del expected[BAD]
    assert isinstance(failed, ModelOutputInvalid)
    assert failed.index == BAD
    for answer, alone in zip(answers, expected, strict=True):
        assert not isinstance(answer, Exception)
        assert repr(answer.answer)[:20] == repr(alone.answer)[:20]


@pytest.mark.parametrize("spoil", [failing, contagious])
def test_a_bad_item_runs_alone_once(spoil, monkeypatch) -> None:
    pipeline = Pipeline(fakes.image_bundle())
    bad = pipeline.encoder.encode(BLUES[BAD]).arrays
    spoilt, alone = spoil(pipeline.run, bad), []

    def counted(items: Sequence[Arrays], *how: object) -> list[dict[str, np.ndarray]]:
        alone.extend([is_same(items[0], bad)] if len(items) == 1 else [])
        return spoilt(items, *how)

    monkeypatch.setattr(pipeline, "run", counted)
    pipeline.answer(make_items(BLUES, ClassifyOptions()))
    assert sum(alone) == 1


def test_an_error_of_onnx_runtime_and_an_invalid_output_fail_one_item_each() -> None:
    pipeline = Pipeline(fakes.faulty_bundle())
    payloads = images(fakes.BLUE, fakes.BLACK, (0, 0, 200), fakes.WHITE, fakes.BLUE)
    answers = pipeline.answer(make_items(payloads, ClassifyOptions()))
    assert [isinstance(answer, ModelOutputInvalid) for answer in answers] == [0, 1, 0, 1, 0]
    assert "ONNX Runtime cannot run the graph" in str(answers[3])
    assert answers[0].answer == answers[4].answer
    assert {answers[place].answer.label for place in (0, 2)} == {"blue"}


def test_outputs_that_no_decoder_can_read_fail_their_item(monkeypatch) -> None:
    pipeline = Pipeline(fakes.image_bundle())
    monkeypatch.setattr(pipeline, "run", lambda items, *_: [{"other": np.zeros(3)} for _ in items])
    for answer in pipeline.answer(make_items(BLUES, ClassifyOptions())):
        assert isinstance(answer, ModelOutputInvalid)
        assert isinstance(answer.__cause__, KeyError)


def test_an_encoder_that_breaks_fails_its_item(monkeypatch) -> None:
    pipeline = Pipeline(fakes.image_bundle())
    encode = pipeline.encoder.encode

    def broken(payload: Payload):
        if payload is BLUES[BAD]:
            raise ZeroDivisionError
        return encode(payload)

    monkeypatch.setattr(pipeline.encoder, "encode", broken)
    answers = pipeline.answer(make_items(BLUES, ClassifyOptions()))
    assert [isinstance(answer, ZeroDivisionError) for answer in answers] == [0, 0, 0, 1, 0]


@pytest.mark.parametrize("make", [fakes.image_bundle, fakes.text_bundle, fakes.audio_bundle])
def test_an_explanation_of_nan_is_no_answer(make, monkeypatch) -> None:
    bundle = fakes.explained(make())
    pipeline = Pipeline(bundle)
    payload = Payload(bundle.files[f"golden/{bundle.golden[0].file}"], bundle.golden[0].media_type)
    run = pipeline.run

    def unexplained(items: Sequence[Arrays], *how: object) -> list[dict[str, np.ndarray]]:
        return [one | {"saliency": one["saliency"] * np.nan} for one in run(items, *how)]

    monkeypatch.setattr(pipeline, "run", unexplained)
    [answer] = pipeline.answer(make_items([payload], ClassifyOptions(explain=True)))
    assert isinstance(answer, ModelOutputInvalid)
