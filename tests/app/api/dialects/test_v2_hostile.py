"""Requests of the Open Inference Protocol that contradict themselves: 4xx, bounded, never a 5xx."""

import json
import random
import struct
from collections.abc import AsyncIterator

import httpx
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
    payload,
)
from tests.app.api.test_fuzz import damaged
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
INFER = "/v2/models/{}/infer"
BLUE = fakes.plain(fakes.BLUE)
HUGE = 2**62
PICTURE = np.zeros((1, 8, 8, 3), np.uint8)


@pytest.fixture(scope="module")
async def hostile(anyio_backend: str, tmp_path_factory) -> AsyncIterator[httpx.AsyncClient]:
    bundles = (fakes.image_bundle(), fakes.text_bundle(), fakes.words_bundle())
    folder = fakes.publish_all(tmp_path_factory.mktemp("hostile"), *bundles)
    async with open_service(folder, defaults={}) as client:
        yield client


async def refused(client: httpx.AsyncClient, model: str, **request) -> str:
    answer = await client.post(INFER.format(model), **request)
    assert answer.status_code in (400, 413), answer.text[:300]
    assert len(answer.content) < 2000
    return answer.json()["error"]


@pytest.mark.parametrize("value", ["-1", "x", "1e3", "0x10", "9" * 30, "²", "1 2", "+5", "1000000"])
async def test_a_length_of_json_that_is_none_is_refused(hostile, value: str) -> None:
    sent = message(payload(BLUE))
    sent["headers"] = {HEADER: value.encode()}
    assert "Inference-Header-Content-Length" in await refused(hostile, "colours", **sent)


@pytest.mark.parametrize("change", [-1, 1])
async def test_a_length_that_is_off_by_one_is_refused(hostile, change: int) -> None:
    sent = message(payload(BLUE))
    sent["headers"][HEADER] = str(int(sent["headers"][HEADER]) + change)
    assert "JSON" in await refused(hostile, "colours", **sent)


async def test_sizes_add_up_exactly(hostile) -> None:
    described, raw = payload(BLUE)
    for size in (0, 3, len(raw) - 1, len(raw) + 1, HUGE, 2**63 - 1):
        given = {**described, "parameters": {"binary_data_size": size}}
        assert "bytes" in await refused(hostile, "colours", **message((given, raw)))
    for size in (-1, 1.0, "9", None, True, [9]):
        given = {**described, "parameters": {"binary_data_size": size}}
        assert "binary_data_size" in await refused(hostile, "colours", **message((given, raw)))
    two = graph_input("tokens", np.array([[1]])), graph_input("length", np.array([1]))
    two[0][0]["parameters"]["binary_data_size"] = HUGE
    two[1][0]["parameters"]["binary_data_size"] = 2**64 - HUGE
    await refused(hostile, "moods", **message(*two))


async def test_data_and_binary_data_of_one_input_are_refused(hostile) -> None:
    described, raw = payload(BLUE)
    assert "both" in await refused(hostile, "colours", **message(({**described, "data": []}, raw)))


async def test_without_the_header_nothing_follows_the_json(hostile) -> None:
    sent = message(payload(BLUE))
    await refused(hostile, "colours", content=sent["content"])
    described, _ = payload(BLUE)
    head = json.dumps({"inputs": [described]})
    assert "bytes" in await refused(hostile, "colours", content=head)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xff\xff\xff",
        struct.pack("<I", 2**32 - 1) + b"x",
        elements([BLUE])[:-1],
        elements([BLUE]) + b"\0",
        elements([BLUE, BLUE]),
    ],
)
async def test_elements_that_are_not_one_are_refused(hostile, raw: bytes) -> None:
    sent = message(binary("payload", "BYTES", [1], raw))
    assert "expected 1 elements" in await refused(hostile, "colours", **sent)


@pytest.mark.parametrize(
    "shape",
    [
        *([-1], [], [1, 1, 1], [HUGE], [HUGE, HUGE], [1.0], ["1"], [True], [None], 1, None, {}),
        [2**63 - 1] * 16,
        [0] * 17,
    ],
)
async def test_hostile_shapes_of_payloads_are_refused(hostile, shape) -> None:
    described = {"name": "payload", "datatype": "BYTES", "shape": shape, "data": []}
    await refused(hostile, "colours", json={"inputs": [described]})


@pytest.mark.parametrize(
    "shape",
    [
        *([1, 8, 8], [1, 8, 8, 3, 1], [1, 3, 8, 8], [1, 8, 8, 4], [1, 8, -8, 3], [HUGE, 8, 8, 3]),
        [1, HUGE, HUGE, HUGE],
        [2, 8, 8, 3],
        [0, 8, 8, 3],
    ],
)
async def test_hostile_shapes_of_graph_inputs_are_refused(hostile, shape: list[int]) -> None:
    await refused(hostile, "colours", **message(binary("image", "UINT8", shape, PICTURE.tobytes())))
    await refused(hostile, "colours", **message(as_json("image", "UINT8", shape, [0] * 192)))


@pytest.mark.parametrize(
    ("tokens", "length"),
    [
        ([[-1]], [1]),
        ([[2**40]], [1]),
        ([[1]], [0]),
        ([[1]], [-1]),
        ([[1]], [2]),
        ([[1]], [2**62]),
        ([[1] * 17], [17]),  # the encoder keeps 16
        ([[]], [0]),
        ([[1], [1]], [1]),
        ([[1]], [[1]]),
        ([1], [1]),
    ],
)
@pytest.mark.parametrize("model", ["moods", "prose"])
async def test_hostile_tokens_are_refused(hostile, model: str, tokens, length) -> None:
    given = [
        graph_input("tokens", np.array(tokens, np.int64)),
        graph_input("length", np.array(length)),
    ]
    if model == "prose":
        given.append(graph_input("state", np.zeros((len(tokens), 2), np.float32)))
    await refused(hostile, model, **message(*given))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
async def test_numbers_that_are_none_are_refused(hostile, value: float) -> None:
    state = graph_input("state", np.array([[0, value]], np.float32))
    ids = graph_input("tokens", np.array([[1]])), graph_input("length", np.array([1]))
    assert "finite" in await refused(hostile, "prose", **message(*ids, state))
    text = json.dumps({"inputs": [as_json("state", "FP32", [1, 2], [0, value])[0]]})
    await refused(hostile, "prose", content=text)


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        {},
        "x",
        [[]],
        [None],
        [{}],
        [{"name": 5, "datatype": "BYTES", "shape": [1], "data": ["a"]}],
        [{"name": "payload", "datatype": 5, "shape": [1], "data": ["a"]}],
        [{"name": "payload", "datatype": "STRING", "shape": [1], "data": ["a"]}],
        [{"name": "payload", "datatype": "INT64", "shape": [1], "data": [1]}],
        [{"name": "payloads", "datatype": "BYTES", "shape": [1], "data": ["a"]}],
        [{"name": "payload", "datatype": "BYTES", "shape": [1]}],
        [{"name": "payload", "datatype": "BYTES", "shape": [1], "data": [1]}],
        [{"name": "payload", "datatype": "BYTES", "shape": [1], "data": "a"}],
        [{"name": "payload", "datatype": "BYTES", "shape": [1], "data": ["a"], "parameters": 1}],
        [{"name": "payload", "datatype": "BYTES", "shape": [1], "data": ["a"]}] * 2,
        [{"name": "payload", "datatype": "BYTES", "shape": [1], "data": ["a"]}] * 65,
        [
            {"name": "payload", "datatype": "BYTES", "shape": [1], "data": ["a"]},
            {"name": "length", "datatype": "INT64", "shape": [1], "data": [1]},
        ],
        [{"name": "tokens", "datatype": "INT64", "shape": [1, 1], "data": [1]}],
        [{"name": "tokens", "datatype": "INT32", "shape": [1, 1], "data": [1]}],
        [{"name": "tokens", "datatype": "BF16", "shape": [1, 1], "data": [1]}],
        [{"name": "tokens", "datatype": "BYTES", "shape": [1, 1], "data": ["1"]}],
        [{"name": "explain", "datatype": "BOOL", "shape": [1], "data": [True]}],
    ],
)
async def test_inputs_that_are_none_are_refused(hostile, inputs) -> None:
    await refused(hostile, "moods", json={"inputs": inputs})


@pytest.mark.parametrize(
    "members",
    [
        {"id": 5},
        {"id": ["a"]},
        {"parameters": []},
        {"parameters": {"binary_data_output": 1}},
        {"outputs": [{"name": "label", "parameters": {"binary_data": "yes"}}]},
        {"outputs": [{"name": "label", "parameters": []}]},
        {"outputs": [{"name": "label", "parameters": {"classification": "2"}}]},
        {"outputs": {"name": "label"}},
        {"outputs": [{"name": "label"}] * 65},
    ],
)
async def test_members_that_are_none_are_refused(hostile, members) -> None:
    sent = message(as_json("payload", "BYTES", [1], ["good"]), **members)
    await refused(hostile, "moods", **sent)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"5", b"null", b"{}", b'{"inputs": NaN}', b"\xff"]
)
async def test_a_body_that_is_no_request_is_refused(hostile, body: bytes) -> None:
    await refused(hostile, "moods", content=body)
    await refused(hostile, "moods", content=body, headers={HEADER: str(len(body))})


async def test_json_of_too_many_values_is_refused_before_it_is_parsed(hostile) -> None:
    for many in (b"[" * 70_000, b"[1" + b",1" * 210_000 + b"]", b'["a"' + b',"a"' * 210_000 + b"]"):
        error = await refused(hostile, "moods", content=b'{"inputs": ' + many + b"}")
        assert "binary" in error


async def test_names_that_clients_made_up_are_not_repeated(hostile) -> None:
    for place in ("name", "datatype"):
        described, _ = as_json("payload", "BYTES", [1], ["good"])
        error = await refused(hostile, "moods", json={"inputs": [{**described, place: "<b>x</b>"}]})
        assert "<b>" not in error


@pytest.mark.slow
async def test_no_damaged_request_causes_a_5xx(hostile) -> None:
    random_ = random.Random(18)
    ids = graph_input("tokens", np.array([[1, 2], [5, 4]])), graph_input("length", np.array([2, 1]))
    state = graph_input("state", np.zeros((2, 2), np.float32))
    seeds = [
        ("colours", message(payload(BLUE, BLUE), id="1")),
        ("colours", message(graph_input("image", PICTURE), parameters={"timeout": 10**7})),
        ("moods", message(*ids, outputs=[{"name": "label", "parameters": {"binary_data": True}}])),
        ("moods", message(as_json("payload", "BYTES", [2], ["good", "bad"]))),
        ("prose", message(*ids, state)),
    ]
    for round_ in range(600):
        model, sent = random_.choice(seeds)
        body, header = sent["content"], sent["headers"][HEADER]
        if random_.random() < 0.8:
            body = damaged(body, random_)
        if random_.random() < 0.4:
            header = str(random_.choice([0, 1, len(body), random_.randrange(len(body) + 2)]))
        headers = {HEADER: header} if random_.random() < 0.95 else {}
        answer = await hostile.post(INFER.format(model), content=body, headers=headers)
        assert answer.status_code < 500, (round_, body, header, answer.text)


async def test_no_request_has_more_classes_than_are_written_in_a_moment(tmp_path) -> None:
    folder = fakes.publish_all(tmp_path, fakes.explained(fakes.image_bundle()))
    pictures = graph_input("image", np.zeros((1025, 8, 8, 3), np.uint8))
    async with open_service(folder, defaults={}, max_items=1025) as client:
        for counts, status in (((63, 0), 200), ((64, 0), 400), ((2**40, 0), 400), ((63, 2), 400)):
            named = zip(("saliency", "probabilities"), counts, strict=True)
            asked = [
                {"name": name, "parameters": {"classification": count}}
                for name, count in named
                if count
            ]
            answer = await client.post(INFER.format("colours"), **message(pictures, outputs=asked))
            assert answer.status_code == status, answer.text[:300]
            assert status == 200 or "at most 65536 in all outputs" in answer.json()["error"]
