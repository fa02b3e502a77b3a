"""Unknown and repeated query parameters and JSON members are refused."""

import pytest

pytestmark = pytest.mark.anyio
TEXT = {"Content-Type": "text/plain"}
PATH = "/v1/models/moods/classify"


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("topk=1", "unknown query parameter: expected explain or top_k; did you mean top_k?"),
        ("Explain=true", "did you mean explain?"),
        ("secret=1", "unknown query parameter: expected explain or top_k"),
        ("secret", "unknown query parameter"),
        ("top_k=1&top_k=2", "query.top_k: expected once"),
        ("top_k=1&" + "&".join("secret=1" for _ in range(200)), "at most 100"),
        ("task=embed", "unknown query parameter"),
    ],
)
async def test_invalid_query_parameter_is_422(service, query: str, detail: str) -> None:
    answer = await service.post(f"{PATH}?{query}", content=b"good", headers=TEXT)
    assert answer.status_code == 422
    assert detail in answer.json()["detail"] and "secret" not in answer.text


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/moods"])
async def test_catalog_refuses_query_parameters(service, path: str) -> None:
    answer = await service.get(path, params={"secret": "1"})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "unknown query parameter: none is taken here"


async def test_tasks_without_options_refuse_query_parameters(service) -> None:
    for task in ("embed", "reconstruct", "complete"):
        answer = await service.post(f"/v1/models/moods/{task}?top_k=1", json={"text": "good"})
        assert answer.status_code == 422, task
        assert "none is taken here" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"instances": ["good"], "secret": 1}, "unknown member: expected instances"),
        ({"instance": ["good"]}, "did you mean instances?"),
        ({"instances": [{"b64": "Z29vZA==", "secret": 1}]}, "expected b64 or media_type"),
        (
            {"instances": [{"b64": "Z29vZA==", "mediatype": "text/plain"}]},
            "did you mean media_type?",
        ),
    ],
)
async def test_unknown_json_member_is_422(service, body: dict, detail: str) -> None:
    answer = await service.post(PATH, json=body)
    assert answer.status_code == 422
    assert detail in answer.json()["detail"] and "secret" not in answer.text


async def test_probes_ignore_parameters(service) -> None:
    """Load balancers add parameters of their own."""
    assert (await service.get("/livez?from=balancer")).status_code == 200
