import os
from collections.abc import Iterator

import pytest

from app.shared_text import SharedText


@pytest.fixture
def text() -> Iterator[SharedText]:
    yield SharedText(64)


def test_nothing_is_there_at_first(text: SharedText) -> None:
    assert text.read() == b""


def test_a_forked_process_replaces_the_text_of_all(text: SharedText) -> None:
    assert text.write(b"a long text at first")
    if not (child := os.fork()):
        text.write(b"short")
        os._exit(0)
    os.waitpid(child, 0)
    assert text.read() == b"short"


def test_a_text_that_is_too_long_changes_nothing(text: SharedText) -> None:
    assert text.write(b"x" * 64)
    assert not text.write(b"y" * 65)
    assert text.read() == b"x" * 64


def test_a_text_that_is_not_whole_is_none(text: SharedText) -> None:
    text.write(b"whole")
    text._memory[8] ^= 1
    assert text.read() == b""
    text._memory[:4] = b"\xff" * 4  # a length that nothing has
    assert text.read() == b""
