import pytest

from app.bundle.serving_rule import ServingRule
from app.serving.selection import loaded_versions, objection, serving_version, version_before

LATEST = ServingRule()
HELD = ServingRule(held=(4,))
PINNED = ServingRule(policy="pinned", version=2)


@pytest.mark.parametrize(
    ("rule", "able", "expected"),
    [
        (LATEST, {1, 2, 10}, 10),
        (LATEST, set(), None),
        (LATEST.model_copy(update={"version": 1}), {1, 2}, 2),
        (HELD, {1, 3, 4}, 3),
        (HELD, {4}, None),
        (PINNED, {1, 2, 3}, 2),
        (PINNED, {1, 3}, None),
    ],
)
def test_a_rule_picks_one_of_the_able_versions(
    rule: ServingRule, able: set[int], expected: int | None
) -> None:
    assert serving_version(rule, able) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (LATEST, {4, 5}),
        (ServingRule(keep=1), {5}),
        (ServingRule(keep=4), {2, 3, 4, 5}),
        (ServingRule(keep=9), {1, 2, 3, 4, 5}),
        (ServingRule(held=(5,)), {3, 4, 5}),
        (ServingRule(held=(4,)), {3, 5}),
        (ServingRule(held=(5,), keep=1), {4, 5}),
        (PINNED, {1, 2, 5}),
        (ServingRule(policy="pinned", version=9), {5}),
        (ServingRule(held=(1, 2, 3, 4, 5)), {5}),
    ],
)
def test_the_versions_to_go_back_to_and_the_newest_stay_loaded(
    rule: ServingRule, expected: set[int]
) -> None:
    assert loaded_versions(rule, {1, 2, 3, 4, 5}) == expected
    assert loaded_versions(rule, set()) == set()


def test_a_rule_that_cannot_be_followed_says_why() -> None:
    assert objection(LATEST, {1}) is None
    assert objection(LATEST, set()) is None
    assert objection(HELD, {3, 4}) is None
    assert objection(HELD, {4}) == "every published version is held"
    assert objection(PINNED, {2}) is None
    assert objection(PINNED, {1}) == "version 2 is pinned, but not published"


def test_a_rollback_goes_to_the_version_before_that_is_not_held() -> None:
    assert version_before(LATEST, 5, {3, 4, 5, 6}) == 4
    assert version_before(HELD, 5, {3, 4, 5}) == 3
    assert version_before(LATEST, 3, {3, 4}) is None
