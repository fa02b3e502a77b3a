"""The golden cases of every shipped model over the Open Inference Protocol equal /v1's answers.

Each is sent as a file in binary form, and, where the graph takes a batch, as the graph's own
tensors, which this test makes with the encoder of the bundle.
"""

import base64
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from app.bundle import Bundle, read_bundle
from app.modalities import Payload, encoder_for
from app.registry import SHIPPED
from tests.app.api.dialects.v2_messages import (
    as_json,
    graph_input,
    message,
    outputs,
    payload,
    wanted,
)
from tests.conftest import open_service

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
MODELS = Path(__file__).parents[4] / "models"
BUNDLES = [read_bundle(path.parent, SHIPPED) for path in sorted(MODELS.glob("*/*/manifest.json"))]
BY_NAME = {bundle.manifest.name: bundle for bundle in BUNDLES}
CLASSIFIERS = [b for b in BUNDLES if b.manifest.task == "classify"]
FORESTS = {"listops", "sentiment"}


def name_of(bundle: Bundle) -> str:
    return bundle.manifest.name


@pytest.fixture(scope="module")
async def shipped(anyio_backend: str) -> AsyncIterator[httpx.AsyncClient]:
    async with open_service(MODELS, defaults={}) as client:
        yield client


def files(bundle: Bundle) -> list[tuple[bytes, str]]:
    return [(bundle.files[f"golden/{case.file}"], case.media_type) for case in bundle.golden]


def tensors(bundle: Bundle, data: bytes, media_type: str) -> dict[str, np.ndarray]:
    """Return what the bundle's encoder makes of a file, with the axis of items."""
    encoder = encoder_for(bundle.manifest.encoder, bundle.files)
    arrays = encoder.encode(Payload(data, media_type)).arrays
    names = [spec.name for spec in bundle.manifest.inputs]
    return {name: array[None] for name, array in zip(names, arrays.values(), strict=True)}


async def infer(client: httpx.AsyncClient, model: str, *inputs, **members) -> dict:
    members.setdefault("parameters", {"binary_data_output": True})
    answer = await client.post(f"/v2/models/{model}/infer", **message(*inputs, **members))
    return outputs(answer)


async def ask(client: httpx.AsyncClient, path: str, data: bytes, media_type: str) -> dict:
    headers = {"Content-Type": media_type}
    answer = await client.post(f"/v1/models/{path}", content=data, headers=headers)
    assert answer.status_code == 200
    [answers] = [each for each in answer.json().values() if isinstance(each, list)]
    return answers[0]


def check_class(bundle: Bundle, expected: dict, found: dict) -> None:
    """Compare the tensors of one item with /v1's answer."""
    labels = bundle.manifest.labels
    probabilities = dict(zip(labels, found["probabilities"][0].tolist(), strict=True))
    assert probabilities == {each["label"]: each["probability"] for each in expected["top"]}
    assert found["label"] == [expected["label"]]
    credible = [
        label for label, is_in in zip(labels, found["prediction_set"][0], strict=True) if is_in
    ]
    assert sorted(credible) == sorted(expected["prediction_set"])
    assert found["novelty"][0] == np.float32(expected["novelty"])
    assert found["abstained"].tolist() == [expected["abstained"]]


@pytest.mark.parametrize("bundle", CLASSIFIERS, ids=name_of)
async def test_a_classifier_answers_files_as_in_v1(shipped, bundle: Bundle) -> None:
    model = bundle.manifest.name
    for data, media_type in files(bundle):
        expected = await ask(shipped, f"{model}/classify?top_k=1000", data, media_type)
        check_class(bundle, expected, await infer(shipped, model, payload(data)))
        found = await infer(
            shipped, model, payload(data), outputs=wanted("explanation", "embedding")
        )
        explained = await ask(shipped, f"{model}/classify?explain=true", data, media_type)
        assert json.loads(found["explanation"][0]) == explained["explanation"]
        features = await ask(shipped, f"{model}/embed", data, media_type)
        np.testing.assert_allclose(found["embedding"][0], features, atol=1e-5)


@pytest.mark.parametrize("bundle", CLASSIFIERS, ids=name_of)
async def test_a_classifier_answers_tensors_as_it_answers_files(shipped, bundle: Bundle) -> None:
    model = bundle.manifest.name
    described = (await shipped.get(f"/v2/models/{model}")).json()["inputs"]
    if model in FORESTS:
        assert [each["name"] for each in described] == ["payload"]
        return
    for data, media_type in files(bundle):
        given = [graph_input(*pair) for pair in tensors(bundle, data, media_type).items()]
        expected = await ask(shipped, f"{model}/classify?top_k=1000", data, media_type)
        check_class(bundle, expected, await infer(shipped, model, *given))


@pytest.mark.parametrize("model", ["digits", "spoken-digits", "imagenet"])
async def test_several_tensors_are_answered_in_their_order(shipped, model: str) -> None:
    bundle = BY_NAME[model]
    each = [tensors(bundle, *file) for file in files(bundle)]
    [name] = each[0]
    batch = np.concatenate([arrays[name] for arrays in each])
    found = await infer(shipped, model, graph_input(name, batch))
    together = await infer(shipped, model, payload(*[data for data, _ in files(bundle)]))
    for row, (data, _) in enumerate(files(bundle)):
        alone = await infer(shipped, model, payload(data))
        for answer in (found, together):
            assert answer["label"][row] == alone["label"][0]
            np.testing.assert_allclose(
                answer["probabilities"][row], alone["probabilities"][0], atol=1e-5
            )


async def test_an_autoencoder_answers_as_in_v1(shipped) -> None:
    bundle = BY_NAME["digits-autoencoder"]
    for data, media_type in files(bundle):
        expected = await ask(shipped, "digits-autoencoder/reconstruct", data, media_type)
        picture = Image.open(io.BytesIO(base64.b64decode(expected["reconstruction"]["b64"])))
        for given in (
            [payload(data)],
            [graph_input(*pair) for pair in tensors(bundle, data, media_type).items()],
        ):
            found = await infer(shipped, "digits-autoencoder", *given)
            levels = np.clip(np.rint(found["reconstruction"][0, ..., 0]), 0, 255)
            assert (levels.astype(np.uint8) == np.asarray(picture)).all()
            assert found["reconstruction_error"][0] == np.float32(expected["reconstruction_error"])
            assert found["novelty"][0] == np.float32(expected["novelty"])


async def test_a_language_model_takes_its_state_back_word_by_word(shipped) -> None:
    """Text first, then each chosen word with the state after the words before it."""
    bundle = BY_NAME["completion"]
    vocabulary = bundle.files["vocabulary.txt"].decode().splitlines()
    for case in bundle.golden:
        data = bundle.files[f"golden/{case.file}"]
        given = [payload(data)]
        for golden in case.words:
            found = await infer(shipped, "completion", *given)
            logits = found["log_probabilities"][0, 2:].astype(np.float64)  # <unk> and <end> not
            shares = np.exp(logits - logits.max())
            word = int(shares.argmax()) + 2
            assert vocabulary[word] == golden.word
            assert shares[word - 2] / shares.sum() == pytest.approx(golden.probability, abs=5e-3)
            given = [
                graph_input("tokens", np.array([[word]])),
                graph_input("length", np.array([1])),
                graph_input("state", found["next_state"]),
            ]


async def test_classification_names_the_words_of_a_language_model(shipped) -> None:
    asked = [{"name": "log_probabilities", "parameters": {"classification": 3}}]
    found = await infer(shipped, "completion", payload(b"We the"), outputs=asked)
    [likely] = found["log_probabilities"]
    words = BY_NAME["completion"].files["vocabulary.txt"].decode().splitlines()
    for each in likely:
        value, place, word = each.split(":", 2)
        assert float(value) <= 0
        assert words[int(place)] == word


async def test_a_whole_photo_may_be_written_in_json(shipped) -> None:
    bundle = BY_NAME["imagenet"]
    [(name, photo)] = tensors(bundle, *files(bundle)[0]).items()
    expected = await infer(shipped, "imagenet", graph_input(name, photo))
    for data in (photo.tolist(), photo.reshape(-1).tolist()):
        given = as_json(name, "UINT8", photo.shape, data)
        found = await infer(shipped, "imagenet", given, outputs=wanted("probabilities"))
        assert (found["probabilities"] == expected["probabilities"]).all()
