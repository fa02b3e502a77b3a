"""Cards and samples: files of a bundle, by name, for those who may ask its model."""

from pathlib import Path

import orjson
import pytest

from app.bundle import Bundle, publish
from app.bundle.files import CASES
from app.bundle.publish import seal
from tests import fakes, media
from tests.conftest import open_service

pytestmark = pytest.mark.anyio
CARD = "# colours\n\n**80 % of 5 samples are right.**\n\n![](reliability.png)\n"
PICTURE = media.picture()


def described(bundle: Bundle) -> Bundle:
    files = {"README.md": CARD.encode(), "reliability.png": PICTURE, "card.json": b"{}"}
    return seal(bundle.manifest, {**bundle.files, **files}, bundle.registry)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for version in (1, 2):
        publish(described(fakes.image_bundle(version=version)), tmp_path)
    publish(fakes.text_bundle(), tmp_path)
    return tmp_path


@pytest.fixture(params=["colours", "colours/versions/1"])
def address(request: pytest.FixtureRequest) -> str:
    return f"/v1/models/{request.param}"


async def test_the_card_is_markdown_and_its_pictures_are_beside_it(
    folder: Path, address: str
) -> None:
    async with open_service(folder) as service:
        card = await service.get(f"{address}/card")
        picture = await service.get(f"{address}/card/reliability.png")
    assert (card.status_code, card.text) == (200, CARD)
    assert card.headers["content-type"] == "text/markdown; charset=utf-8"
    assert (picture.headers["content-type"], picture.content) == ("image/png", PICTURE)


async def test_samples_are_the_golden_cases_and_answer_as_published(
    folder: Path, address: str
) -> None:
    async with open_service(folder) as service:
        listed = (await service.get(f"{address}/samples")).json()
        cases = orjson.loads((folder / "colours/1" / CASES).read_bytes())
        assert [s["file"] for s in listed["samples"]] == [case["file"] for case in cases]
        assert (listed["model"], listed["version"]) == (
            "colours",
            1 if "versions" in address else 2,
        )
        for sample, case in zip(listed["samples"], cases, strict=True):
            assert set(sample) == {"file", "media_type", "note"}
            item = await service.get(f"{address}/samples/{sample['file']}")
            assert item.headers["content-type"] == sample["media_type"]
            headers = {"Content-Type": sample["media_type"]}
            answer = await service.post(
                f"{address}/classify", content=item.content, headers=headers
            )
            assert answer.json()["predictions"][0]["label"] == max(
                case["probabilities"], key=case["probabilities"].__getitem__
            )


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("colours/card/card.json", 404),
        ("colours/card/model.onnx", 404),
        ("colours/card/manifest.json", 404),
        ("colours/card/nothing.png", 404),
        ("colours/card/..%2f..%2fmoods%2f1%2fmodel.onnx", 404),
        ("colours/samples/cases.json", 404),
        ("colours/samples/..%2fREADME.md", 404),
        ("moods/card", 404),
        ("nothing/card", 404),
        ("colours/versions/9/card", 404),
        ("colours/versions/0/samples", 422),
        (f"colours/versions/{'9' * 5000}/samples", 422),
        ("colours/versions/x/card", 422),
        ("colours/card?version=1", 422),
    ],
)
async def test_nothing_else_of_a_bundle_is_served(folder: Path, path: str, status: int) -> None:
    async with open_service(folder) as service:
        answer = await service.get(f"/v1/models/{path}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_file_that_was_altered_is_not_sent(folder: Path) -> None:
    async with open_service(folder) as service:
        (folder / "colours/2/README.md").write_text("# another")
        answer = await service.get("/v1/models/colours/card")
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        (folder / "colours/2/README.md").unlink()
        assert (await service.get("/v1/models/colours/card")).status_code == 503
        assert (await service.get("/v1/models/colours/versions/1/card")).text == CARD


@pytest.mark.parametrize("path", ["card", "card/reliability.png", "samples/red.png"])
async def test_a_browser_runs_nothing_in_what_an_author_wrote(folder: Path, path: str) -> None:
    async with open_service(folder) as service:
        answer = await service.get(f"/v1/models/colours/{path}")
    assert answer.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_media_type_that_no_header_can_have_is_not_sent(tmp_path: Path) -> None:
    bundle = fakes.image_bundle()
    cases = orjson.loads(bundle.files[CASES])
    cases[0]["media_type"] = "image/png\r\nX-Evil: 1"
    files = {**bundle.files, CASES: orjson.dumps(cases)}
    publish(seal(bundle.manifest, files, bundle.registry), tmp_path)
    async with open_service(tmp_path) as service:
        answer = await service.get(f"/v1/models/colours/samples/{cases[0]['file']}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "x-evil" not in answer.headers


async def test_the_catalog_says_what_each_model_is_for(folder: Path) -> None:
    async with open_service(folder) as service:
        models = (await service.get("/v1/models")).json()["models"]
    assert all(model["description"] for model in models)
