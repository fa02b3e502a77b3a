"""Requests of the Open Inference Protocol: each point that clients rely on."""

import base64
import gzip
import json
import zlib

import numpy as np
import pytest

from tests import fakes
from tests.app.api.dialects.v2_messages import (
    HEADER,
    as_json,
    binary,
    elements,
    graph_input,
    message,
    outputs,
    payload,
    wanted,
)
from tests.app.api.dialects.v2_service import (
    BLUE,
    COLOURS,
    MOODS,
    PAIR,
    RED,
    square,
)

pytestmark = pytest.mark.anyio


async def test_the_datatype_distinguishes_payloads_and_tensors(tensors) -> None:
    files = outputs(await tensors.post(COLOURS, **message(payload(RED, BLUE))))
    arrays = outputs(await tensors.post(COLOURS, **message(graph_input("image", PAIR))))
    assert files["label"] == arrays["label"] == ["red", "blue"]
    for name in files.keys() - {"label"}:
        np.testing.assert_array_equal(files[name], arrays[name])


async def test_binary_and_json_tensors_are_mixed_in_both_directions(tensors) -> None:
    ids = np.array([[1, 2], [5, 4]])
    length = as_json("length", "INT64", [2], [2, 1])
    asked = [{"name": "label", "parameters": {"binary_data": False}}, {"name": "probabilities"}]
    sent = message(
        graph_input("tokens", ids), length, outputs=asked, parameters={"binary_data_output": True}
    )
    answer = await tensors.post(MOODS, **sent)
    assert answer.headers["content-type"] == "application/octet-stream"
    head = json.loads(answer.content[: int(answer.headers[HEADER])])
    label, probabilities = head["outputs"]
    assert label["data"] == ["glad", "sad"] and "parameters" not in label
    assert probabilities["parameters"] == {"binary_data_size": 16} and "data" not in probabilities
    assert outputs(answer)["probabilities"].shape == (2, 2)
    turned = message(length, graph_input("tokens", ids))
    assert outputs(await tensors.post(MOODS, **turned))["label"] == ["glad", "sad"]


@pytest.mark.parametrize("media_type", [None, "application/octet-stream", "application/json", "x"])
async def test_the_header_decides_and_not_the_media_type(tensors, media_type) -> None:
    for sent in (message(payload(RED)), message(graph_input("image", PAIR))):
        if media_type:
            sent["headers"]["Content-Type"] = media_type
        assert (await tensors.post(COLOURS, **sent)).status_code == 200
    text = json.dumps({"inputs": [as_json("payload", "BYTES", [1], ["good"])[0]]})
    headers = {"Content-Type": media_type} if media_type else {}
    assert outputs(await tensors.post(MOODS, content=text, headers=headers))["label"] == ["glad"]


@pytest.mark.parametrize(
    ("coding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)]
)
async def test_the_header_counts_what_is_decompressed(tensors, coding: str, compress) -> None:
    sent = message(graph_input("image", PAIR))
    sent["content"] = compress(sent["content"])
    sent["headers"]["Content-Encoding"] = coding
    assert int(sent["headers"][HEADER]) > len(sent["content"]) - 100
    assert outputs(await tensors.post(COLOURS, **sent))["label"] == ["red", "blue"]


async def test_texts_come_as_strings_nested_or_not_and_in_binary_form(tensors) -> None:
    for given in (
        as_json("payload", "BYTES", [2], ["good", "so sorry"]),
        as_json("payload", "BYTES", [2, 1], [["good"], ["so sorry"]]),
        payload(b"good", b"so sorry"),
        binary("payload", "BYTES", [2, 1], elements([b"good", b"so sorry"])),
    ):
        assert outputs(await tensors.post(MOODS, **message(given)))["label"] == ["glad", "sad"]


async def test_files_in_json_are_base64(tensors) -> None:
    encoded = base64.b64encode(RED).decode()
    urls = base64.urlsafe_b64encode(RED).decode().rstrip("=")
    for text, parameters in (
        (encoded, {}),
        (encoded, {"content_type": "base64"}),
        (encoded, {"content_type": "image/png"}),
        (urls, {}),
        (f"data:image/png;base64,{encoded}", {}),
    ):
        described, raw = as_json("payload", "BYTES", [1], [text])
        sent = message(({**described, "parameters": parameters}, raw))
        assert outputs(await tensors.post(COLOURS, **sent))["label"] == ["red"]
    text = base64.b64encode(b"good").decode()
    described, raw = as_json("payload", "BYTES", [1], [text])
    decoded = message(({**described, "parameters": {"content_type": "base64"}}, raw))
    assert outputs(await tensors.post(MOODS, **decoded))["label"] == ["glad"]
    for text, content_type in (("red", "base64"), ("red", ""), ("good", 5)):
        described, raw = as_json("payload", "BYTES", [1], [text])
        sent = message(({**described, "parameters": {"content_type": content_type}}, raw))
        assert (await tensors.post(COLOURS, **sent)).status_code == 400


async def test_a_content_type_that_the_model_does_not_take_is_refused(tensors) -> None:
    described, raw = payload(b"good")
    described["parameters"]["content_type"] = "image/png"
    answer = await tensors.post(MOODS, **message((described, raw)))
    assert answer.status_code == 400 and "text/*" in answer.json()["error"]


async def test_parameters_that_would_change_the_answer_are_refused(tensors) -> None:
    for name in ("sequence_id", "sequence_start", "sequence_end"):
        for value in (7, "a", True):
            sent = message(payload(RED), parameters={name: value})
            answer = await tensors.post(COLOURS, **sent)
            assert answer.status_code == 400 and "state" in answer.json()["error"]
    for place in ("inputs", "outputs"):
        sent = message(payload(RED), outputs=wanted("label"))
        head = json.loads(sent["content"][: int(sent["headers"][HEADER])])
        head[place][0].setdefault("parameters", {})["shared_memory_region"] = "x"
        body = json.dumps(head).encode()
        sent = {"content": body + elements([RED]), "headers": {HEADER: str(len(body))}}
        answer = await tensors.post(COLOURS, **sent)
        assert answer.status_code == 400 and "shared memory" in answer.json()["error"]


async def test_other_parameters_are_ignored(tensors) -> None:
    ignored = {
        "priority": 3,
        "headers": {"a": "b"},
        "triton_enable_empty_final_response": True,
        "sequence_id": 0,
        "my_own": [1],
        "timeout": 0,
    }
    sent = message(payload(RED), parameters=ignored, model_name="calibrated", more=1)
    assert (await tensors.post(COLOURS, **sent)).status_code == 200


async def test_the_timeout_of_a_request_is_its_deadline(tensors) -> None:
    sent = message(payload(RED), parameters={"timeout": 1})  # microsecond
    answer = await tensors.post(COLOURS, **sent)
    assert answer.status_code in (503, 504) and answer.json()["error"]
    long = message(payload(RED), parameters={"timeout": 60_000_000})
    assert (await tensors.post(COLOURS, **long)).status_code == 200
    for wrong in (-1, "1", 1.5, True):
        sent = message(payload(RED), parameters={"timeout": wrong})
        assert (await tensors.post(COLOURS, **sent)).status_code == 400


async def test_the_limits_of_items_and_of_the_body_hold(tensors) -> None:
    for sent in (
        message(payload(*[RED] * 5)),
        message(graph_input("image", square(*[(0, 0, 0)] * 5))),
    ):
        answer = await tensors.post(COLOURS, **sent)
        assert answer.status_code == 413 and "at most 4 items" in answer.json()["error"]
    answer = await tensors.post(COLOURS, content=bytes(100_001))
    assert answer.status_code == 413 and "100000 bytes" in answer.json()["error"]
    for sent in (
        message(payload()),
        message(graph_input("image", PAIR[:0])),
    ):
        answer = await tensors.post(COLOURS, **sent)
        assert answer.status_code == 400 and "at least one item" in answer.json()["error"]


async def test_a_bad_item_is_named_by_its_place(tensors) -> None:
    answer = await tensors.post(COLOURS, **message(payload(RED, b"no picture", BLUE)))
    assert answer.status_code == 400 and answer.json()["error"].startswith("item 1: ")


async def test_each_version_is_asked_by_its_number(tensors) -> None:
    for version in ("1", "2"):
        path = f"/v2/models/moods/versions/{version}/infer"
        answer = await tensors.post(path, **message(payload(b"good")))
        assert answer.json()["model_version"] == version
    for path in (
        "/v2/models/moods/versions/9/infer",
        "/v2/models/none/infer",
        "/v2/models/moods/versions/x/infer",
        "/v2/models/moods/versions/-1/infer",
    ):
        answer = await tensors.post(path, **message(payload(b"good")))
        assert answer.status_code == 404 and answer.json()["error"]


async def test_trees_are_asked_by_payloads_only(tensors) -> None:
    path = "/v2/models/parsed/infer"
    answer = await tensors.post(path, **message(payload(b"(0 (1 the) (1 day))")))
    assert answer.status_code == 200
    described = (await tensors.get("/v2/models/parsed")).json()
    assert [each["name"] for each in described["inputs"]] == ["payload"]
    sent = message(graph_input("tokens", np.array([1])))
    answer = await tensors.post(path, **sent)
    assert answer.status_code == 400 and "payload" in answer.json()["error"]


async def test_a_state_goes_out_and_in_again(tensors) -> None:
    path = "/v2/models/prose/infer"
    found = outputs(await tensors.post(path, **message(payload(b"The day"))))
    word = int(found["log_probabilities"][0].argmax())
    assert fakes.PROSE[word] == "is"
    step = [
        graph_input("tokens", np.array([[word]])),
        graph_input("length", np.array([1])),
        graph_input("state", found["next_state"]),
    ]
    following = outputs(await tensors.post(path, **message(*step)))
    whole = outputs(await tensors.post(path, **message(payload(b"The day is"))))
    np.testing.assert_allclose(following["next_state"], whole["next_state"], atol=1e-6)
    missing = await tensors.post(path, **message(*step[:2]))
    assert missing.status_code == 400 and "state is missing" in missing.json()["error"]
