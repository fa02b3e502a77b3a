"""The one rule about errors that say that the machine has run out of something."""

import errno

import pytest

from app.api.problems import problem_for
from app.errors import InvalidBundle, InvalidInput, ResourceExhausted
from app.exhaustion import resource_exhausted
from app.modalities import Payload
from app.pipeline import Pipeline, make_items
from tests import fakes
from tests.media import picture

LACKS = [
    MemoryError(),
    *(OSError(number, "x") for number in (errno.ENOMEM, errno.ENOSPC, errno.EMFILE, errno.EIO)),
    OSError(errno.ENFILE, "x"),
    OSError(errno.ENOBUFS, "x"),
    OSError("out of memory error when reading image file"),  # Pillow
    SystemError("Failed to allocate memory"),
    ValueError("Memory allocation failure"),  # libjpeg-turbo
    ValueError("Insufficient memory (case 4)"),  # libjpeg
    RuntimeError("std::bad_alloc"),
    RuntimeError("Failed to allocate memory for requested buffer of size 8"),  # ONNX Runtime
    RuntimeError("bad allocation"),
    RuntimeError("Internal malloc () failed."),  # libsndfile
    RuntimeError("can't start new thread"),
    RuntimeError("Unable to allocate 3.00 GiB for an array"),  # NumPy
]
FAULTS = [
    ValueError("the image is truncated"),
    OSError("image file is truncated (3 bytes not processed)"),
    OSError("broken data stream when reading image file"),
    FileNotFoundError(errno.ENOENT, "x"),
    InvalidInput("expected a text about memory, got out of memory"),
    RuntimeError("the shapes of input and memory differ"),
]


def blamed(error: Exception) -> InvalidInput:
    """Return the error of a decoder that blames the file for another error."""
    try:
        try:
            raise error
        except Exception as cause:
            raise InvalidInput("the image is damaged") from cause
    except InvalidInput as raised:
        return raised


@pytest.mark.parametrize("lack", LACKS, ids=str)
def test_a_lack_is_recognised_wherever_it_is_in_the_chain(lack: Exception) -> None:
    assert isinstance(resource_exhausted(lack), ResourceExhausted)
    found = resource_exhausted(blamed(lack))
    assert isinstance(found, ResourceExhausted)
    body, headers = problem_for(blamed(lack), "1")
    assert (body["status"], headers["Retry-After"]) == (503, "1")
    assert str(lack) not in body["detail"] or not str(lack)


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_anything_else_is_not(fault: Exception) -> None:
    assert resource_exhausted(fault) is None
    assert resource_exhausted(blamed(fault)) is None


def test_errors_in_a_circle_end_the_search() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    assert resource_exhausted(one) is None


class Failing:
    """An encoder or a session that fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def encode(self, payload: Payload) -> None:
        raise self.error

    def run(self, feeds, explain: bool, options) -> None:
        raise InvalidBundle("ONNX Runtime cannot run the graph") from self.error


@pytest.mark.parametrize("lack", LACKS, ids=str)
def test_a_pipeline_blames_no_item_for_it(lack: Exception) -> None:
    pipeline = Pipeline(fakes.image_bundle())
    [item] = make_items([Payload(picture(), "image/png")], pipeline.task.options())
    real = pipeline.encoder
    for error in (lack, blamed(lack)):
        pipeline.encoder = Failing(error)
        [answer] = pipeline.answer([item])
        assert isinstance(answer, ResourceExhausted)
    pipeline.encoder, pipeline._session.run = real, Failing(lack).run
    for count in (1, 2):
        answers = pipeline.answer([item] * count)
        assert [type(answer) for answer in answers] == [ResourceExhausted] * count


def test_a_pipeline_keeps_every_other_error() -> None:
    pipeline = Pipeline(fakes.image_bundle())
    items = make_items([Payload(b"no picture", "image/png")] * 2, pipeline.task.options())
    assert [(type(e), e.index) for e in pipeline.answer(items)] == [
        (InvalidInput, 0),
        (InvalidInput, 1),
    ]
    pipeline.encoder = Failing(KeyError("x"))
    assert [type(error) for error in pipeline.answer(items)] == [KeyError, KeyError]
