"""The bundles that the experiments plant are as good, and as bad, as they must be."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.bundle import read_bundle
from app.modalities import Payload
from app.pipeline import Pipeline, replay
from app.registry import SHIPPED
from app.runtime.session import Session
from benchmarks.reliability import faulty_graphs, raw
from benchmarks.reliability.bundles import Versions, digit, plant, question, repeated
from benchmarks.reliability.pictures import flat, huge

GREY, WHITE, BLACK = (np.full((1, 8, 8, 3), level, np.uint8) for level in (100, 255, 0))


def test_versions_have_labels_of_their_own_and_are_good(tmp_path: Path) -> None:
    versions = Versions(tmp_path)
    versions.replace(1)
    assert [path.name for path in sorted((tmp_path / "digits").iterdir())] == ["2"]
    versions.publish(3)
    labels = {}
    for version in (2, 3):
        bundle = read_bundle(tmp_path / f"digits/{version}", SHIPPED)
        pipeline = Pipeline(bundle)
        assert list(replay(bundle, pipeline)) == []
        found = pipeline.predict([Payload(digit().body, "image/png")])[0]
        labels[version] = found.label
    assert labels == {2: "7", 3: "8"}
    answer = '{{"version": {}, "predictions": [{{"label": "{}"}}]}}'.format
    assert not Versions.is_mixed(answer(2, "7").encode())
    assert Versions.is_mixed(answer(3, "7").encode())


def test_a_graph_answers_grey_and_fails_for_its_colour(tmp_path: Path) -> None:
    session = Session(faulty_graphs.not_a_number())
    assert np.isfinite(session.run({"image": GREY})["probabilities"]).all()
    assert np.isnan(session.run({"image": BLACK})["probabilities"]).any()
    session = Session(faulty_graphs.failing())
    assert session.run({"image": GREY})["probabilities"].sum() == 1
    with pytest.raises(Exception, match="out of data bounds"):
        session.run({"image": WHITE})
    session = Session(faulty_graphs.endless())
    assert session.run({"image": GREY})["probabilities"].sum() == 1


@pytest.mark.slow
def test_the_loader_dies_of_the_deep_graph(tmp_path: Path) -> None:
    path = tmp_path / "deep.onnx"
    path.write_bytes(faulty_graphs.overflowing())
    code = f"import onnxruntime; onnxruntime.InferenceSession({str(path)!r})"
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGSEGV


def test_a_planted_bundle_is_good_for_its_golden_case(tmp_path: Path) -> None:
    folder = plant(tmp_path, "fragile", faulty_graphs.not_a_number())
    bundle = read_bundle(folder, SHIPPED)
    assert list(replay(bundle, Pipeline(bundle))) == []


def test_a_question_is_a_golden_case() -> None:
    assert question("spam").path == "/v1/models/spam/classify"
    assert question("digits-autoencoder").path.endswith("/reconstruct")
    assert question("completion").media_type == "application/json"
    head, _, body = digit().wire().partition(b"\r\n\r\n")
    assert b"\r\nContent-Type: image/png\r\n" in head
    assert head.endswith(f"Content-Length: {len(body)}".encode())


def test_a_request_is_repeated_as_a_form() -> None:
    form = repeated(digit(), 3)
    assert form.media_type == "multipart/form-data; boundary=b"
    assert form.body.count(digit().body) == form.body.count(b"Content-Type: image/png") == 3
    assert form.body.endswith(b"\r\n--b--\r\n")


def test_a_huge_picture_is_a_small_file(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(huge(500, True))
    assert path.stat().st_size < 5_000
    with Image.open(path) as picture:
        assert (picture.size, picture.mode) == ((500, 500), "RGBA")
        assert picture.getextrema() == ((0, 0),) * 4
    path.write_bytes(flat(100))
    with Image.open(path) as picture:
        assert picture.getpixel((0, 0)) == (100, 100, 100)


def test_a_refusal_is_a_problem_only_in_its_form() -> None:
    head = b"HTTP/1.1 431 X\r\ncontent-type: application/problem+json\r\n\r\n{}"
    assert raw.RawResponse(head, True).is_problem
    assert not raw.RawResponse(head.replace(b"problem+json", b"json"), True).is_problem
    assert not raw.RawResponse(head.replace(b"431", b"200"), True).is_problem
    assert raw.RawResponse(b"", True).status == 0
