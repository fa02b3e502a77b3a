"""A version is held before it appears; its number and the comparison are those of one moment."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.bundle import Bundle, publish, read_bundle
from app.bundle.serving_rule import SERVING_FILE, ServingRule, read_rule, write_rule
from app.errors import InvalidBundle, InvalidRule
from app.pipeline import Golden
from app.registry import SHIPPED
from tests.fakes import image_bundle, publish_all
from tests.training.conftest import left_behind
from tests.training.runs.test_serving_decision import HELD_OUT, right, wrong
from training.data.dataset import Sample
from training.exporting.card.data import CardData
from training.runs.publish import check_destination, prove_and_publish
from training.runs.serving_decision import Publication
from training.runs.version_plan import VersionPlan, plan_version, settled, standing


def rule_of(models: Path, **fields: object) -> ServingRule:
    """Write the rule of the model, and return it."""
    (models / "colours").mkdir(parents=True, exist_ok=True)
    rule = ServingRule.model_validate(fields)
    write_rule(models / "colours", rule)
    return rule


def published(models: Path, candidate: Bundle, publication: Publication | None = None) -> Path:
    """Publish what a bundle was made of as a run does."""
    golden = [Golden("red.png", HELD_OUT[0].payload)]
    files = {k: v for k, v in candidate.files.items() if not k.startswith("golden/")}
    manifest = candidate.manifest.model_copy(update={"files": {}})
    to = publication or Publication(models, held_out=HELD_OUT)
    return prove_and_publish(manifest, files, golden, CardData(), to)


def test_the_first_version_has_nothing_before_it(tmp_path: Path):
    assert plan_version(tmp_path / "nowhere", "colours") == VersionPlan(1, None)
    assert published(tmp_path, wrong()) == tmp_path / "colours" / "1"
    assert not (tmp_path / "colours" / SERVING_FILE).exists()


@pytest.mark.parametrize(
    ("fields", "serving"),
    [
        ({}, 3),
        ({"held": [3]}, 2),
        ({"policy": "pinned", "version": 1}, 1),
        ({"held": [1, 2, 3]}, None),
    ],
)
def test_it_is_compared_with_the_version_that_serves(
    tmp_path: Path, fields: dict[str, object], serving: int | None
):
    publish_all(tmp_path, *(image_bundle(version=number) for number in (1, 2, 3)))
    (tmp_path / "colours" / "9").mkdir()  # a number that is taken, but no version
    rule_of(tmp_path, **{k: tuple(v) if k == "held" else v for k, v in fields.items()})
    assert plan_version(tmp_path, "colours") == VersionPlan(10, serving)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"policy": "newest"}', "colours/serving.json: policy"),
        (b'{"policy": "pinned", "version": 7}', "version 7 is pinned, but not published; pin"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_a_mistake_before_anything_is_done(
    tmp_path: Path, content: bytes, why: str
):
    (publish(image_bundle(), tmp_path).parent / SERVING_FILE).write_bytes(content)
    with pytest.raises(InvalidRule, match=why):
        check_destination(tmp_path, "colours")


def test_the_hold_is_in_force_before_the_version_appears(tmp_path: Path):
    publish(right(), tmp_path)
    target = tmp_path / "colours" / "2"
    with settled(tmp_path, "colours", VersionPlan(2, 1), "it is worse"):
        assert not target.exists()
        rule = read_rule(tmp_path / "colours")
        assert (rule.held, rule.reasons) == ((2,), {2: "it is worse"})


@pytest.mark.parametrize(("candidate", "held"), [(wrong(), (2,)), (right(), ())])
def test_an_interrupted_run_leaves_a_number_to_decide_anew(
    tmp_path: Path, candidate: Bundle, held: tuple[int, ...]
):
    publish(right(), tmp_path)
    with settled(tmp_path, "colours", plan_version(tmp_path, "colours"), "it is worse"):
        pass  # and the process was killed before the version appeared
    assert published(tmp_path, candidate).name == "2"
    assert read_rule(tmp_path / "colours").held == held


def test_a_version_that_is_held_stays_as_it_is_described(tmp_path: Path):
    published(tmp_path, right())
    folder = published(tmp_path, wrong())
    rule = read_rule(tmp_path / "colours")
    assert rule.held == (2,)
    assert rule.reasons[2] in (folder / "README.md").read_text()
    assert plan_version(tmp_path, "colours") == VersionPlan(3, 1)


def test_other_holds_and_the_rest_of_the_rule_stay(tmp_path: Path):
    publish_all(tmp_path, right(), image_bundle(version=2))
    rule_of(tmp_path, keep=3, held=(2, 7), reasons={2: "slow", 7: "not yet"})
    published(tmp_path, wrong())
    rule = read_rule(tmp_path / "colours")
    assert (rule.keep, rule.held) == (3, (2, 3, 7))
    assert rule.reasons[2] == "slow" and rule.reasons[7] == "not yet"


def test_under_a_pin_a_worse_version_is_held_too(tmp_path: Path):
    publish_all(tmp_path, right(), wrong(2))
    rule_of(tmp_path, policy="pinned", version=1)
    published(tmp_path, wrong())
    rule = read_rule(tmp_path / "colours")
    assert (rule.policy, rule.version, rule.held) == ("pinned", 1, (3,))


class Slow(list[Sample]):
    """Samples that take so long to compare that something happens meanwhile, once."""

    def __init__(self, samples: list[Sample], bundle: Bundle) -> None:
        super().__init__(samples)
        self.models: Path | None = None
        self.bundle = bundle

    def __iter__(self) -> Iterator[Sample]:
        if self.models is not None:
            models, self.models = self.models, None
            publish(self.bundle, models)
        return super().__iter__()


@pytest.mark.parametrize(
    ("candidate", "meanwhile", "held"), [(right(), wrong(2), ()), (wrong(), right(2), (3,))]
)
def test_a_version_that_appears_meanwhile_is_the_one_to_compare_with(
    tmp_path: Path, candidate: Bundle, meanwhile: Bundle, held: tuple[int, ...]
):
    publish(wrong(), tmp_path)
    slow = Slow(HELD_OUT, meanwhile)
    slow.models = tmp_path
    folder = published(tmp_path, candidate, Publication(tmp_path, held_out=slow))
    assert folder.name == "3"
    assert read_rule(tmp_path / "colours").held == held
    assert "Compared with version 2" in (folder / "README.md").read_text()


def test_an_outdated_plan_publishes_and_holds_nothing(tmp_path: Path):
    publish_all(tmp_path, right(), right(2))
    before = left_behind(tmp_path)
    with pytest.raises(InvalidBundle, match="another version was published, or serves by now"):
        publish(right(3), tmp_path, settled(tmp_path, "colours", VersionPlan(3, 1), "it is worse"))
    assert left_behind(tmp_path) == before


def test_runs_at_once_get_numbers_of_their_own(tmp_path: Path):
    bundles = [image_bundle(sharpness=float(number)) for number in range(1, 7)]
    always = Publication(tmp_path, "always")
    with ThreadPoolExecutor(3) as pool:
        folders = list(pool.map(lambda bundle: published(tmp_path, bundle, always), bundles))
    assert sorted(folder.name for folder in folders) == list("123456")
    for folder, bundle in zip(folders, bundles, strict=True):
        assert read_bundle(folder, SHIPPED).model == bundle.model


def test_a_version_that_serves_needs_no_words(tmp_path: Path):
    assert standing(published(tmp_path, right())) == []


def test_a_held_version_is_named_with_the_command_that_releases_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    models = tmp_path / "my models"
    published(models, right())
    reason, command = standing(published(models, wrong()))
    assert reason.startswith("held: its balanced accuracy, 0.0 %, is lower than")
    assert command == (
        "colours/1 serves; to let this version serve: thalamus models release colours 2 "
        f"--models '{models}'"
    )
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").symlink_to(models)
    assert standing(Path("models/colours/2"))[1].endswith("release colours 2")


def test_where_nothing_serves_it_says_so(tmp_path: Path):
    _, command = standing(published(tmp_path, right(), Publication(tmp_path, "never")))
    assert command.startswith("no version serves; ")


def test_a_pin_keeps_a_better_version_from_serving_and_is_named(tmp_path: Path):
    publish(wrong(), tmp_path)
    rule_of(tmp_path, policy="pinned", version=1)
    (line,) = standing(published(tmp_path, right()))
    assert line.startswith("colours/1 serves, because it is pinned; ")
    assert "thalamus models unpin colours --models" in line
