"""Answers of the Open Inference Protocol: which outputs there are, and in which form."""

import json

import numpy as np
import pytest

from tests import fakes
from tests.app.api.dialects.v2_messages import (
    HEADER,
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
)

pytestmark = pytest.mark.anyio


async def test_all_outputs_have_the_axis_of_items(tensors) -> None:
    answer = await tensors.post(COLOURS, **message(payload(RED, BLUE), id="42"))
    body = answer.json()
    assert (body["model_name"], body["model_version"], body["id"]) == ("calibrated", "1", "42")
    kinds = {each["name"]: (each["datatype"], each["shape"]) for each in body["outputs"]}
    assert kinds == {
        "label": ("BYTES", [2]),
        "probabilities": ("FP32", [2, 3]),
        "prediction_set": ("BOOL", [2, 3]),
        "novelty": ("FP32", [2]),
        "abstained": ("BOOL", [2]),
    }
    expected = await tensors.post(
        "/v1/models/calibrated/classify", content=RED, headers={"Content-Type": "image/png"}
    )
    first = expected.json()["predictions"][0]
    found = outputs(answer)
    assert found["probabilities"][0].max() == np.float32(first["probability"])
    assert found["novelty"][0] == np.float32(first["novelty"])
    assert bool(found["abstained"][0]) == first["abstained"]
    assert found["prediction_set"][0].sum() == len(first["prediction_set"])
    assert "id" not in (await tensors.post(COLOURS, **message(payload(RED)))).json()


async def test_only_what_is_asked_for_comes_in_that_order(tensors) -> None:
    asked = wanted("novelty", "label")
    answer = await tensors.post(COLOURS, **message(payload(RED), outputs=asked))
    assert [each["name"] for each in answer.json()["outputs"]] == ["novelty", "label"]
    empty = await tensors.post(COLOURS, **message(payload(RED), outputs=[]))
    assert len(empty.json()["outputs"]) == 5


@pytest.mark.parametrize(
    "asked", [wanted("Label"), wanted("saliency"), wanted("label", "label"), [{}], ["label"], 5]
)
async def test_other_outputs_are_refused(tensors, asked) -> None:
    answer = await tensors.post(COLOURS, **message(payload(RED), outputs=asked))
    assert answer.status_code == 400 and answer.json()["error"] == answer.json()["detail"]


async def test_what_only_explanations_need_is_computed_on_request(tensors) -> None:
    path = "/v2/models/explained/infer"
    usual = outputs(await tensors.post(path, **message(payload(RED))))
    assert usual.keys() == {"label", "probabilities"}
    asked = {"outputs": wanted("saliency", "explanation")}
    found = outputs(await tensors.post(path, **message(payload(RED, BLUE), **asked)))
    assert found["saliency"].shape == (2, 8, 8) and found["saliency"].any()
    explained = await tensors.post(
        "/v1/models/explained/classify?explain=true",
        content=RED,
        headers={"Content-Type": "image/png"},
    )
    [expected] = explained.json()["predictions"]
    assert json.loads(found["explanation"][0]) == expected["explanation"]
    given = message(graph_input("image", PAIR), outputs=wanted("saliency"))
    np.testing.assert_array_equal(
        outputs(await tensors.post(path, **given))["saliency"], found["saliency"]
    )
    refused = await tensors.post(path, **message(graph_input("image", PAIR), **asked))
    assert refused.status_code == 400 and "payload" in refused.json()["error"]


async def test_binary_outputs_are_asked_for_one_by_one_or_all_at_once(tensors) -> None:
    for members in (
        {"parameters": {"binary_data_output": True}},
        {"outputs": [{"name": "label", "parameters": {"binary_data": True}}]},
    ):
        answer = await tensors.post(COLOURS, **message(payload(RED), **members))
        assert outputs(answer)["label"] == ["red"] and HEADER in answer.headers
    plain = {"parameters": {"binary_data_output": False}}
    answer = await tensors.post(COLOURS, **message(payload(RED), **plain))
    assert HEADER not in answer.headers
    assert answer.headers["content-type"] == "application/json"


async def test_classification_ranks_values_with_their_places_and_labels(tensors) -> None:
    asked = [{"name": "probabilities", "parameters": {"classification": 2}}]
    answer = await tensors.post(COLOURS, **message(payload(RED, BLUE), outputs=asked))
    [output] = answer.json()["outputs"]
    assert output["datatype"] == "BYTES" and output["shape"] == [2, 2]
    whole = outputs(await tensors.post(COLOURS, **message(payload(RED, BLUE))))["probabilities"]
    for row, first in zip(whole, output["data"][::2], strict=True):
        value, place, label = first.split(":", 2)
        assert np.float32(value) == row.max() and int(place) == row.argmax()
        assert label == fakes.COLOURS[row.argmax()]
    asked[0]["parameters"] = {"classification": 99, "binary_data": True}
    found = outputs(await tensors.post(COLOURS, **message(payload(RED), outputs=asked)))
    assert len(found["probabilities"][0]) == 3
    set_of = [{"name": "novelty", "parameters": {"classification": 1}}]
    found = outputs(await tensors.post(COLOURS, **message(payload(RED), outputs=set_of)))
    assert found["novelty"][0][0].endswith(":0")
    no_numbers = [(name, 1) for name in ("label", "prediction_set", "abstained")]
    for name, count in (*no_numbers, ("probabilities", 0), ("probabilities", -1)):
        asked = [{"name": name, "parameters": {"classification": count}}]
        answer = await tensors.post(COLOURS, **message(payload(RED), outputs=asked))
        assert answer.status_code == 400


async def test_a_text_that_was_cut_is_said_to_be(tensors) -> None:
    answer = await tensors.post(MOODS, **message(payload(b"good", b"bad " * 20)))
    assert answer.json()["parameters"]["truncated"].startswith("item 1: the text has 20 tokens")
    answer = await tensors.post(MOODS, **message(payload(b"bad " * 20)))
    assert answer.json()["parameters"]["truncated"].startswith("the text has 20 tokens")
    assert "parameters" not in (await tensors.post(MOODS, **message(payload(b"good")))).json()
