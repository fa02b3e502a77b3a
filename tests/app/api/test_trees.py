"""Trees over HTTP: the forms of a body, the labels of phrases, and refused trees."""

from pathlib import Path

import pytest

from tests import fakes, media
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
PATH = "/v1/models/parsed/classify"
TREE = "(0 (1 the) (2 (1 day) (1 is)))"
TEXT, OWN = {"Content-Type": "text/plain"}, {"Content-Type": "text/x-tree"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fakes.publish_all(
        tmp_path_factory.mktemp("models"), fakes.tree_bundle(), fakes.text_bundle()
    )


async def test_tree_in_every_form_of_a_body_gets_the_same_answer(folder: Path) -> None:
    async with open_service(folder) as service:
        body, media_type = media.multipart(("text", TREE.encode(), None))
        answers = [
            await service.post(PATH, content=TREE, headers=TEXT),
            await service.post(PATH, content=TREE, headers=OWN),
            await service.post(PATH, json={"instances": [TREE]}),
            await service.post(PATH, content=body, headers={"Content-Type": media_type}),
        ]
    assert {answer.status_code for answer in answers} == {200}
    predictions = [answer.json()["predictions"] for answer in answers]
    assert all(each == predictions[0] for each in predictions)
    assert predictions[0][0]["label"] == "sad" and "explanation" not in predictions[0][0]


async def test_the_media_type_chooses_between_a_text_and_a_tree(folder: Path) -> None:
    async with open_service(folder, defaults={"text": "moods", "tree": "parsed"}) as service:
        for headers, model in ((TEXT, "moods"), (OWN, "parsed")):
            answer = await service.post("/v1/classify", content=TREE, headers=headers)
            assert answer.json()["model"] == model
        refused = await service.post("/v1/models/moods/classify", content=TREE, headers=OWN)
        assert refused.status_code == 415
        refused = await service.post(PATH, content=TREE, headers={"Content-Type": "image/png"})
        assert refused.status_code == 415 and "text/x-tree" in refused.json()["detail"]


async def test_tree_explanation_labels_every_phrase(folder: Path) -> None:
    async with open_service(folder) as service:
        document = {"instances": [TREE, "fine", "the day"]}
        answer = await service.post(PATH, params={"explain": "true"}, json=document)
    tree, word, text = [each["explanation"] for each in answer.json()["predictions"]]
    assert [(part["text"], part["label"]) for part in tree] == [
        ("the day is", "sad"),
        ("day is", "sad"),
        ("the", "sad"),
        ("day", "glad"),
        ("is", "sad"),
    ]
    assert [(part["text"], part["label"]) for part in word] == [("fine", "glad")]
    assert [part["text"] for part in text] == ["the day", "the", "day"]
    assert all(0.5 < part["probability"] <= 1 for part in (*tree, *word, *text))


async def test_model_without_explanations_omits_them(folder: Path) -> None:
    async with open_service(folder) as service:
        path = "/v1/models/moods/classify"
        answer = await service.post(path, params={"explain": "true"}, content="good", headers=TEXT)
    assert "explanation" not in answer.json()["predictions"][0]


async def test_explain_option_must_be_boolean(folder: Path) -> None:
    async with open_service(folder) as service:
        for given, explained in (("1", True), ("yes", True), ("0", False), ("false", False)):
            answer = await service.post(PATH, params={"explain": given}, content=TREE, headers=TEXT)
            assert ("explanation" in answer.json()["predictions"][0]) == explained
        for given in ("", "2", "x", "none"):
            refused = await service.post(
                PATH, params={"explain": given}, content=TREE, headers=TEXT
            )
            assert refused.status_code == 422
            assert refused.json()["detail"].startswith("query.explain: ")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "got nothing"),
        ("(", "not complete"),
        ("(2 (2 a) (b))", "a label in every bracket or in none, got both, at character 12"),
        ("(2 (2 a) " * 1500 + "(2 b" + ")" * 1501, "at most 500 levels"),
    ],
    ids=["empty", "cut", "labels in some", "deep"],
)
async def test_malformed_tree_is_422_without_the_input(
    folder: Path, text: str, detail: str
) -> None:
    async with open_service(folder) as service:
        alone = await service.post(PATH, content=text, headers=TEXT)
        second = await service.post(PATH, json={"instances": [TREE, text]})
    assert alone.status_code == second.status_code == 422
    assert detail in alone.json()["detail"] and len(alone.text) < 500
    assert second.json()["index"] == 1
