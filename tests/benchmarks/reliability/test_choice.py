from benchmarks.reliability.choice import Followed
from benchmarks.reliability.client import Reply


def answered(followed: Followed, client: int, *versions: int) -> None:
    for version in versions:
        followed.note(client, Reply(200, {"x-model-version": str(version)}))


def test_only_an_answer_after_one_of_the_expected_version_goes_back() -> None:
    followed = Followed(2)
    answered(followed, 0, 1, 1)
    assert (followed.back, followed.answers) == (0, 2), "nothing is expected yet"
    followed.expect(2)
    answered(followed, 0, 1, 2, 2)
    assert followed.back == 0 and not followed.everywhere()
    answered(followed, 1, 2)
    assert followed.everywhere()
    answered(followed, 0, 1)
    assert followed.back == 1
    followed.note(1, Reply(503))
    assert followed.answers == 7
