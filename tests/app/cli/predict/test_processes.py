"""Several processes: the same rows, in the same order."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.predict.answers import Answered
from app.cli.predict.inputs import Input
from app.cli.predict.processes import answer_here, answer_in_threads
from tests import media
from tests.docs.service import serving

ROOT = Path(__file__).parents[4]


class Numbers:
    """Answers an input by its name; each takes so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.chunks: list[int] = []

    def answer(self, inputs) -> Answered:
        self.chunks.append(len(inputs))
        rows = "".join(f"{each.name}\n" for each in inputs).encode()
        return Answered(rows, len(inputs), 0, self.seconds * len(inputs))


NAMES = [str(number) for number in range(1000)]


def inputs(data: bytes | None = None) -> list[Input]:
    return [Input(name, data=data) for name in NAMES]


def here(model: Numbers, given):
    return answer_here(lambda: model, given)


def in_threads(model: Numbers, given):
    return answer_in_threads(model, given, 5)


@pytest.mark.parametrize("answer", [here, in_threads])
@pytest.mark.parametrize("seconds", [0, 0.01, 10])
def test_rows_have_the_order_of_the_inputs(answer, seconds: float) -> None:
    rows = b"".join(each.rows for each in answer(Numbers(seconds), inputs())).decode()
    assert rows.split() == NAMES


def test_a_chunk_takes_about_as_long_whatever_an_input_takes() -> None:
    for seconds, largest in ((1e-9, 256), (0.01, 25), (10, 4)):
        model = Numbers(seconds)
        list(here(model, inputs()))
        assert max(model.chunks) == largest


def test_a_chunk_of_large_texts_is_small() -> None:
    model = Numbers(0)
    list(here(model, inputs(bytes(300_000))))
    assert max(model.chunks) == 4


def test_inputs_are_taken_as_they_are_needed() -> None:
    taken: list[str] = []

    def stream():
        for each in inputs():
            taken.append(each.name)
            yield each

    next(answer_in_threads(Numbers(10), stream(), 2))
    assert len(taken) < 30


@pytest.mark.slow
def test_processes_and_a_service_give_the_same_rows(published: Path, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(200):
        (folder / f"{number:03}.png").write_bytes(media.picture(colour=(number, 90, 30)))
    (folder / "100.png").write_text("no picture")
    command = [sys.executable, "-m", "app.cli", "predict", "colours", str(folder)]

    def rows(*words: str) -> list[dict]:
        done = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, check=False)
        assert done.returncode == 1 and b"1 of 200" in done.stderr, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    local = ("--models", str(published))
    expected = rows(*local, "--workers", "1")
    with serving(published) as port:
        for found in (
            rows(*local, "--workers", "3"),
            rows("--server", f"http://127.0.0.1:{port}"),
        ):
            assert [row["file"] for row in found] == [row["file"] for row in expected]
            for row, wanted in zip(found, expected, strict=True):
                assert row.get("error") == wanted.get("error")
                assert row.get("label") == wanted.get("label")
                assert row.get("probability") == pytest.approx(wanted.get("probability"), abs=1e-5)
