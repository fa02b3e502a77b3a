"""`thalamus predict`: a row for each input, equal to what HTTP answers."""

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import fakes, media
from tests.app.commands import one_line, run
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
TEXTS = ("good fine day", "awful sorry", "a b c", "the day is bad")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Four files: three pictures, and a text among them."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, colour in (("1.png", (250, 10, 20)), ("2.png", (5, 10, 240)), ("4", (9, 200, 9))):
        (folder / name).write_bytes(media.picture(colour=colour))
    (folder / "3.txt").write_text("no picture")
    return folder


def lines(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


async def answers(
    client: httpx.AsyncClient, address: str, payloads: list[bytes], kind: str
) -> list[dict[str, Any]]:
    """Return what HTTP answers to these payloads in one request, each as a row has it.

    In one request: the last digits of a number depend on how many items a batch has, as they do
    in the service.
    """
    files = [("file", ("name", payload, kind)) for payload in payloads]
    reply = await client.post(f"/v1/models/{address}", files=files)
    document = reply.json()
    whole = {"model": document["model"], "version": document["version"]}
    task = address.partition("/")[2].partition("?")[0]
    found = next(value for value in document.values() if isinstance(value, list))
    return [{**whole, **(each if isinstance(each, dict) else {task: each})} for each in found]


async def test_rows_are_the_answers_of_http_and_one_bad_file_is_a_row(
    capsys, published: Path, service: httpx.AsyncClient, pictures: Path
) -> None:
    status, out, err = run(capsys, "predict", published / "colours", pictures, "--top-k", 2)
    files = sorted(pictures.iterdir())
    payloads = [file.read_bytes() for file in files if file.name != "3.txt"]
    kind = "application/octet-stream"
    expected = await answers(service, "colours/classify?top_k=2", payloads, kind)
    headers = {"Content-Type": kind}
    address = "/v1/models/colours/classify"
    refused = await service.post(address, content=files[2].read_bytes(), headers=headers)
    expected.insert(2, {"error": refused.json()["detail"]})
    assert lines(out) == [{"file": str(f), **e} for f, e in zip(files, expected, strict=True)]
    assert (status, err) == (1, "thalamus: 1 of 4 could not be answered; their rows say why\n")


@pytest.mark.parametrize(
    ("make", "task"),
    [
        (fakes.embedding_bundle, "embed"),
        (fakes.autoencoder_bundle, "reconstruct"),
        (fakes.calibrated_bundle, "classify"),
    ],
)
async def test_every_task_has_the_answer_of_http(
    capsys, tmp_path: Path, pictures: Path, make, task: str
) -> None:
    (pictures / "3.txt").unlink()
    models, bundle = tmp_path / "models", make()
    fakes.publish(bundle, models)
    name = bundle.manifest.name
    status, out, _ = run(capsys, "predict", name, pictures, "--models", models, "--task", task)
    payloads = [file.read_bytes() for file in sorted(pictures.iterdir())]
    async with open_service(models) as client:
        expected = await answers(client, f"{name}/{task}", payloads, "application/octet-stream")
    assert status == 0
    assert [{k: v for k, v in row.items() if k != "file"} for row in lines(out)] == expected


async def test_texts_of_a_table_have_the_answers_of_http(
    capsys, published: Path, service: httpx.AsyncClient, tmp_path: Path
) -> None:
    table = tmp_path / "texts.csv"
    table.write_text("id,text\n" + "".join(f"{i},{text}\n" for i, text in enumerate(TEXTS)))
    words = ("predict", published / "moods", table, "--text-column", "text", "--explain")
    status, out, _ = run(capsys, *words)
    payloads = [text.encode() for text in TEXTS]
    expected = await answers(service, "moods/classify?explain=true", payloads, "text/plain")
    assert status == 0
    rows = [{"file": str(table), "row": i, **e} for i, e in enumerate(expected, 1)]
    assert lines(out) == rows


def test_csv_has_the_members_of_the_answer_as_columns(
    capsys, published: Path, pictures: Path, tmp_path: Path
) -> None:
    out = tmp_path / "answers.csv"
    assert run(capsys, "predict", published / "colours", pictures, "--out", out)[0] == 1
    as_csv = list(csv.DictReader(io.StringIO(out.read_text())))
    as_json = lines(run(capsys, "predict", published / "colours", pictures)[1])
    for row, wanted in zip(as_csv, as_json, strict=True):
        assert [row[name] for name in ("file", "label", "error")] == [
            wanted.get(name, "") for name in ("file", "label", "error")
        ]
        assert json.loads(row["top"] or "null") == wanted.get("top")
        assert row["probability"] == str(wanted.get("probability", ""))
    assert as_csv[0]["truncated"] == "" and "explanation" not in as_csv[0]


def test_a_table_is_for_people(capsys, published: Path, pictures: Path) -> None:
    words = ("predict", published / "colours", pictures, "--format", "table", "--top-k", 1)
    head, *rows = run(capsys, *words)[1].splitlines()
    assert head.split()[:3] == ["file", "label", "probability"]
    assert rows[0].split() == [str(pictures / "1.png"), "red", "0.9987"]
    assert rows[2].split()[:2] == [str(pictures / "3.txt"), "error:"]


def test_a_terminal_gets_no_commands_and_a_row_is_one_line(
    capsys, published: Path, tmp_path: Path
) -> None:
    file = tmp_path / "a\n\x1b[31m\u202eb.png"
    file.write_bytes(media.picture())
    for format in ("jsonl", "csv", "table"):
        out = run(capsys, "predict", published / "colours", file, "--format", format)[1]
        assert len(out.splitlines()) == (1 if format == "jsonl" else 2)
        assert not {"\x1b", "\u202e"} & set(out)
    found = lines(run(capsys, "predict", published / "colours", file)[1])
    assert found[0]["file"] == str(file)


def test_the_message_about_a_charset_speaks_of_no_content_type(
    capsys, published: Path, tmp_path: Path
) -> None:
    file = tmp_path / "latin.txt"
    file.write_bytes("the day is très good".encode("latin-1"))
    [row] = lines(run(capsys, "predict", published / "moods", file)[1])
    assert "expected utf-8 text, but byte 13 does not decode" in row["error"]
    assert "Content-Type" not in row["error"]
    [row] = lines(run(capsys, "predict", published / "moods", file, "--charset", "latin-1")[1])
    assert row["label"] == "glad"


def test_standard_input_is_answered(capsys, published: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"good day")))
    status, out, _ = run(capsys, "predict", published / "moods", "-")
    assert (status, lines(out)[0]["file"], lines(out)[0]["label"]) == (0, "-", "glad")


def test_a_model_may_be_named(capsys, published: Path, pictures: Path, monkeypatch) -> None:
    monkeypatch.setenv("THALAMUS_MODELS", str(published))
    monkeypatch.chdir(pictures)
    for name in ("colours", "colours/1"):
        assert run(capsys, "predict", name, "1.png")[0] == 0
    assert run(capsys, "predict", "colours", "1.png", "--models", published)[0] == 0
    assert "(did you mean colours?)" in one_line(capsys, "predict", "colour", "1.png")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--topk", "2"), "unknown option --topk (did you mean --top-k?); see thalamus predict"),
        (("--resume",), "--resume goes on with the file that --out names"),
        (("--out", "x", "--resume", "--format", "table"), "expected --format jsonl or csv"),
        (("--text-column", "text"), "--text-column: colours takes no texts (image)"),
        (("--task", "embed"), "colours does not embed; what it can be asked is to classify"),
        (("--task", "embedd"), "unknown task"),
        (("--option", "topk=2"), "did you mean top_k?"),
        (("--key-file", "x"), "--key-file is for --server"),
    ],
)
def test_a_mistake_is_one_line(capsys, published: Path, pictures: Path, words, complaint) -> None:
    given = ("predict", published / "colours", pictures / "1.png", *words)
    assert complaint in one_line(capsys, *given)


def test_a_folder_of_nothing_is_a_mistake(capsys, published: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "nothing to answer in it" in one_line(capsys, "predict", published / "colours", empty)
