"""`--out FILE --resume`: a row for each input, none twice, whatever the first run has left."""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests import fakes, media
from tests.app.commands import one_line, run

ROOT = Path(__file__).parents[4]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    return media.write_pictures(tmp_path / "pictures", 7, bad=3)


def whole(capsys, published: Path, pictures: Path, out: Path) -> bytes:
    """Return what a run that nobody ends writes."""
    given = ("predict", published / "colours", pictures, "--workers", 1, "--out", out)
    assert run(capsys, *given)[0] == 1
    return out.read_bytes()


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize("left", [0, 0.01, 0.3, 0.5, 0.99, 1])
def test_a_run_goes_on_where_it_was_ended(
    capsys, published: Path, pictures: Path, tmp_path: Path, suffix: str, left: float
) -> None:
    out = tmp_path / f"answers.{suffix}"
    expected = whole(capsys, published, pictures, out)
    part = expected[: int(left * len(expected))]
    out.write_bytes(part)
    given = ("predict", published / "colours", pictures, "--workers", 1, "--out", out, "--resume")
    status, _, err = run(capsys, *given)
    assert status == 1, "the error of the first run counts"
    assert ("the last row was half written, and is removed" in err) == (
        part[-1:] not in (b"", b"\n")
    )
    assert _without_last_digits(out.read_bytes()) == _without_last_digits(expected)


def _without_last_digits(written: bytes) -> list[str]:
    """Return the rows with fewer digits: the batches of the second run have other sizes."""
    return [
        re.sub(r"\d+\.[\d.e-]+", lambda found: f"{float(found[0]):.4f}", line)
        for line in written.decode().splitlines()
    ]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_names_that_are_escaped_are_resumed(
    capsys, published: Path, pictures: Path, tmp_path: Path, suffix: str
) -> None:
    (pictures / '0\n\x1b\u202e,"\\n.png').write_bytes(media.picture())
    (pictures / os.fsdecode(b"0caf\xe9.png")).write_bytes(media.picture())
    out = tmp_path / f"answers.{suffix}"
    expected = whole(capsys, published, pictures, out)
    given = ("predict", published / "colours", pictures, "--workers", 1, "--out", out, "--resume")
    assert run(capsys, *given)[0] == 1
    assert out.read_bytes() == expected


def test_without_a_file_a_resumed_run_is_a_new_one(
    capsys, published: Path, pictures: Path, tmp_path: Path
) -> None:
    given = ("predict", published / "colours", pictures, "--workers", 1)
    expected = whole(capsys, published, pictures, tmp_path / "a.jsonl")
    assert run(capsys, *given, "--out", tmp_path / "b.jsonl", "--resume")[0] == 1
    assert (tmp_path / "b.jsonl").read_bytes() == expected


def test_the_output_may_lie_among_the_inputs(capsys, published: Path, pictures: Path) -> None:
    out = pictures / "2.jsonl"
    expected = whole(capsys, published, pictures, out)
    out.write_bytes(expected[:400])
    given = ("predict", published / "colours", pictures, "--workers", 1, "--out", out, "--resume")
    assert run(capsys, *given)[0] == 1
    files = [Path(json.loads(line)["file"]).name for line in out.read_text().splitlines()]
    assert files == [f"{number}.png" for number in range(7)]


def test_a_finished_run_adds_nothing_and_needs_no_model(
    capsys, published: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a.jsonl"
    expected = whole(capsys, published, pictures, out)
    run(capsys, "predict", published / "colours", pictures, "--out", out, "--resume")
    assert out.read_bytes() == expected


def test_rows_of_tables_are_resumed_by_their_numbers(
    capsys, published: Path, tmp_path: Path
) -> None:
    table, out = tmp_path / "texts.csv", tmp_path / "a.jsonl"
    table.write_text("text\ngood day\n" * 5)
    given = ("predict", published / "moods", table, "--text-column", "text", "--workers", 1)
    run(capsys, *given, "--out", out)
    rows = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(b"".join(rows[:4]))
    assert run(capsys, *given, "--out", out, "--resume")[0] == 0
    found = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["row"] for row in found] == list(range(1, 10))


def test_a_file_of_another_run_is_left_alone(
    capsys, published: Path, models: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "a.jsonl"
    expected = whole(capsys, published, pictures, out)
    given = ("predict", published / "colours", pictures, "--out", out)
    assert "it is there already; go on with --resume" in one_line(capsys, *given)
    (pictures / "0.png").unlink()
    assert "row 1: it is about" in one_line(capsys, *given, "--resume")
    fakes.publish(fakes.image_bundle(version=2), models)
    (pictures / "0.png").write_bytes(media.picture())
    given = ("predict", models / "colours", pictures, "--out", out, "--resume")
    assert "it is of colours/1, and now colours/2 is asked" in one_line(capsys, *given)
    out_csv = tmp_path / "a.csv"
    out_csv.write_text("x,y\n1,2\n")
    given = ("predict", published / "colours", pictures, "--out", out_csv, "--resume")
    assert "expected the header file,model" in one_line(capsys, *given)
    out_csv.write_text("nonsense")
    (pictures / "6.png").unlink()
    (tmp_path / "b.jsonl").write_bytes(expected)
    given = ("predict", published / "colours", pictures, "--out", tmp_path / "b.jsonl")
    assert "row 7: there is no input for it" in one_line(capsys, *given, "--resume")
    assert out.read_bytes() == expected


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
@pytest.mark.parametrize(
    "content", [b"what I wrote", b"{}", b"null", b"file\n", b"\xc3", b"\n", b"null\n", b"{}\n"]
)
def test_a_file_that_is_of_no_run_keeps_what_it_has(
    capsys, published: Path, pictures: Path, tmp_path: Path, suffix: str, content: bytes
) -> None:
    out = tmp_path / f"notes.{suffix}"
    out.write_bytes(content)
    one_line(capsys, "predict", published / "colours", pictures, "--out", out, "--resume")
    assert out.read_bytes() == content


@pytest.mark.parametrize("left", [b"\0" * 9, b'{"file":"', b"{", b'{"file":"/caf\xc3'])
def test_what_a_crash_left_of_the_first_row_is_removed(
    capsys, published: Path, pictures: Path, tmp_path: Path, left: bytes
) -> None:
    out = tmp_path / "a.jsonl"
    expected = whole(capsys, published, pictures, out)
    out.write_bytes(left)
    given = ("predict", published / "colours", pictures, "--workers", 1, "--out", out, "--resume")
    assert "half written" in run(capsys, *given)[2]
    assert out.read_bytes() == expected


def test_another_task_or_an_explanation_is_noticed(capsys, models: Path, tmp_path: Path) -> None:
    fakes.publish(fakes.explained(fakes.text_bundle("explained")), models)
    text, out = tmp_path / "a.txt", tmp_path / "a.jsonl"
    text.write_text("good day")
    given = ("predict", models / "explained", text, "--workers", 1, "--out", out)
    assert run(capsys, *given, "--explain")[0] == 0
    line = one_line(capsys, *given, "--resume")
    assert "row 1: it has an explanation, and now none is asked for" in line
    assert run(capsys, *given, "--resume", "--explain")[0] == 0
    fakes.publish(fakes.embedding_bundle(), models)
    (tmp_path / "a.png").write_bytes(media.picture())
    given = ("predict", models / "embedded-colours", tmp_path / "a.png", "--workers", 1)
    given = (*given, "--out", tmp_path / "b.jsonl", "--resume")
    for tasks in (("classify", "embed"), ("embed", "classify")):
        for task, status in zip(tasks, (0, 2), strict=True):
            assert run(capsys, *given, "--task", task)[0] == status
        (tmp_path / "b.jsonl").unlink()


def test_a_file_that_cannot_be_written_is_one_line(
    capsys, published: Path, pictures: Path, tmp_path: Path
) -> None:
    given = ("predict", published / "colours", pictures, "--workers", 1, "--out")
    nowhere = tmp_path / "no" / "a.csv"
    assert "cannot write the answers to" in one_line(capsys, *given, nowhere)
    assert "No space left" in one_line(capsys, *given, "/dev/full")
    out = tmp_path / "a.csv"
    with out.open("ab") as another:
        fcntl.flock(another, fcntl.LOCK_EX)
        assert "another run is writing it" in one_line(capsys, *given, out, "--resume")


def test_a_run_that_could_not_start_leaves_nothing_in_the_way(
    capsys, published: Path, models: Path, pictures: Path, tmp_path: Path
) -> None:
    graph, out = models / "colours" / "1" / "model.onnx", tmp_path / "a.csv"
    graph.write_bytes(graph.read_bytes()[:-1])
    given = (pictures, "--workers", 1, "--out", out)
    assert "was altered" in one_line(capsys, "predict", models / "colours", *given)
    assert run(capsys, "predict", published / "colours", *given)[0] == 1
    assert len(out.read_text().splitlines()) == 8


@pytest.mark.slow
def test_a_killed_run_goes_on(published: Path, tmp_path: Path) -> None:
    pictures, out = tmp_path / "many", tmp_path / "a.jsonl"
    pictures.mkdir()
    for number in range(3000):
        (pictures / f"{number:04}.png").write_bytes(media.picture(colour=(number % 250, 9, 90)))
    words = ["predict", str(published / "colours"), str(pictures), "--out", str(out), "--resume"]
    command = [sys.executable, "-m", "app.cli", *words, "--workers", "2"]
    running = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    while not (out.exists() and out.stat().st_size > 5000):
        assert running.poll() is None
    running.kill()
    running.wait()
    with pytest.raises(ProcessLookupError):
        while True:  # its processes end with it
            os.killpg(running.pid, signal.SIG_DFL)
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    files = [Path(json.loads(line)["file"]).name for line in out.read_text().splitlines()]
    assert files == [f"{number:04}.png" for number in range(3000)]
