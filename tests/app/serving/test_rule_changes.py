"""Pin, unpin, roll back, hold, release: what changes, what is refused, what is left alone."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.bundle.serving_rule import SERVING_FILE, ServingRule, read_rule, write_rule
from app.errors import ImpossibleChange, InvalidRule, NotWritten, UnknownModel
from app.serving.rule_changes import hold, pin, release, rollback, unpin
from app.serving.rule_state import rule_state


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model with the versions 1, 2 and 3; nothing here reads what their manifests say."""
    for version in (1, 2, 3):
        (tmp_path / "mine" / str(version)).mkdir(parents=True)
        (tmp_path / "mine" / str(version) / "manifest.json").write_text("{}")
    return tmp_path / "mine"


def refused(change: Callable[..., object], *arguments: object) -> str:
    """Return why a change is impossible; nothing has changed then."""
    folder = arguments[0]
    assert isinstance(folder, Path)
    before = read_rule(folder)
    with pytest.raises(ImpossibleChange) as caught:
        change(*arguments)
    assert read_rule(folder) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_pinned_version_serves_until_it_is_unpinned(folder: Path) -> None:
    change = pin(folder, 2)
    assert (change.before.version, change.after.version) == (3, 2)
    assert (change.before.policy, change.after.policy, change.after.pinned) == (
        "latest",
        "pinned",
        2,
    )
    assert read_rule(folder) == ServingRule(policy="pinned", version=2)
    change = unpin(folder)
    assert (change.before.version, change.after.version) == (2, 3)
    assert (folder / SERVING_FILE).read_text() == "{}\n"


def test_a_change_keeps_the_rest_of_the_rule(folder: Path) -> None:
    write_rule(folder, ServingRule(keep=5, held=(1,), reasons={1: "old"}))
    pin(folder, 2)
    assert read_rule(folder) == ServingRule(
        policy="pinned", version=2, keep=5, held=(1,), reasons={1: "old"}
    )
    assert unpin(folder).after.keep == 5


def test_a_version_that_is_not_there_or_held_cannot_be_pinned(folder: Path) -> None:
    assert refused(pin, folder, 4) == "version 4 is not published; published are: 1, 2, 3"
    hold(folder, 3, "worse")
    assert refused(pin, folder, 3) == "version 3 is held (worse); release it first"
    (folder / "4").mkdir()
    assert "not published" in refused(pin, folder, 4), "it has no manifest"


def test_pinning_again_changes_nothing(folder: Path) -> None:
    pin(folder, 2)
    before = (folder / SERVING_FILE).stat()
    assert pin(folder, 2).after.version == 2
    after = (folder / SERVING_FILE).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_is_not_pinned_cannot_be_unpinned(folder: Path) -> None:
    assert "no version is pinned" in refused(unpin, folder)


def test_a_rollback_pins_the_version_before_and_twice_goes_two_back(folder: Path) -> None:
    first, second = rollback(folder), rollback(folder)
    assert [(c.before.version, c.after.version) for c in (first, second)] == [(3, 2), (2, 1)]
    assert read_rule(folder) == ServingRule(policy="pinned", version=1)
    assert "nothing to go back to: version 1 serves" in refused(rollback, folder)
    assert unpin(folder).after.version == 3


def test_a_rollback_passes_over_a_held_version(folder: Path) -> None:
    hold(folder, 2)
    assert rollback(folder).after.version == 1


def test_a_rollback_goes_back_from_the_version_that_is_ready(folder: Path) -> None:
    change = rollback(folder, ready={1, 2})
    assert (change.before.version, change.after.version) == (2, 1), "3 never served"


def test_a_rollback_without_a_version_that_serves_is_refused(folder: Path) -> None:
    write_rule(folder, ServingRule(policy="pinned", version=9))
    assert "no version serves (version 9 is pinned, but not published)" in refused(rollback, folder)


def test_a_held_version_does_not_serve_until_it_is_released(folder: Path) -> None:
    change = hold(folder, 3, "worse by 12 points")
    assert (change.before.version, change.after.version) == (3, 2)
    assert read_rule(folder).reasons == {3: "worse by 12 points"}
    hold(folder, 3)
    assert read_rule(folder).reasons == {3: "worse by 12 points"}, "no other reason was given"
    hold(folder, 3, "too slow")
    assert read_rule(folder).reasons == {3: "too slow"}
    change = release(folder, 3)
    assert (change.before.version, change.after.version) == (2, 3)
    assert read_rule(folder) == ServingRule()


def test_holding_may_leave_nothing_that_was_asked_for_behind(folder: Path) -> None:
    pin(folder, 2)
    assert "version 2 is pinned" in refused(hold, folder, 2)
    unpin(folder)
    hold(folder, 1)
    hold(folder, 2)
    assert "without version 3 nothing would serve" in refused(hold, folder, 3)
    assert "version 7 is not published" in refused(hold, folder, 7)
    assert "should match pattern" in refused(hold, folder, 1, "one\nline")
    assert refused(release, folder, 3) == "version 3 is not held; held are: 1, 2"


def test_training_holds_a_version_before_it_publishes_it(folder: Path) -> None:
    write_rule(folder, read_rule(folder).holding(4, "worse"))
    assert rule_state(folder).version == 3
    (folder / "4").mkdir()
    (folder / "4" / "manifest.json").write_text("{}")
    assert rule_state(folder).version == 3
    assert release(folder, 4).after.version == 4
    new = folder.parent / "new"
    new.mkdir()
    write_rule(new, read_rule(new).holding(1, "never"))
    state = rule_state(new)
    assert (state.version, state.problem) == (None, "no version is published")
    assert read_rule(new).held == (1,)


BROKEN = ['{"policy": "lat', '{"policy": "pinned"}', '{"future": 1}', "{" + " " * 70_000]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_file_is_never_repaired(folder: Path, content: str) -> None:
    (folder / SERVING_FILE).write_text(content)
    changes = [lambda: pin(folder, 1), lambda: unpin(folder), lambda: rollback(folder)]
    changes += [lambda: hold(folder, 3), lambda: release(folder, 3)]
    for change in changes:
        with pytest.raises(InvalidRule) as caught:
            change()
        assert str(caught.value).startswith(f"mine/{SERVING_FILE}: ")
        assert "nothing was changed: correct that file, or delete it, first" in str(caught.value)
    assert (folder / SERVING_FILE).read_text() == content
    state = rule_state(folder)
    assert (state.version, state.policy) == (None, None)
    assert str(state.problem).startswith(f"mine/{SERVING_FILE}: ")


def test_a_model_that_is_not_there_is_unknown(tmp_path: Path) -> None:
    for change in (unpin, rollback, rule_state):
        with pytest.raises(UnknownModel):
            change(tmp_path / "nobody")


def test_a_disk_that_refuses_is_one_line_and_nothing_changes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotWritten, match=r"cannot write serving.json to .*mine: No space left"):
        pin(folder, 2)
    assert [path.name for path in sorted(folder.iterdir())] == ["1", "2", "3"]


def test_a_state_has_the_time_of_the_file(folder: Path) -> None:
    assert rule_state(folder).changed is None
    pin(folder, 2)
    os.utime(folder / SERVING_FILE, (0, 2_000_000_000.5))
    assert str(rule_state(folder).changed) == "2033-05-18 03:33:20+00:00"
    for jumped in (2**40, -(2**40)):  # of a clock; the file system may take the time or bound it
        os.utime(folder / SERVING_FILE, (0, jumped))
        assert rule_state(folder).version == 2


def hold_all(folder: Path, versions: range) -> None:
    for version in versions:
        (folder / str(version)).mkdir(exist_ok=True)
        (folder / str(version) / "manifest.json").write_text("{}")
        hold(folder, version)


def test_of_changes_at_once_in_threads_none_is_lost(folder: Path) -> None:
    at_once(threading.Thread, folder)


@pytest.mark.slow
def test_of_changes_at_once_in_processes_none_is_lost(folder: Path) -> None:
    at_once(multiprocessing.get_context("spawn").Process, folder)


def at_once(kind: Callable[..., Any], folder: Path) -> None:
    starts = (100, 200, 300, 400)
    workers = [kind(target=hold_all, args=(folder, range(start, start + 10))) for start in starts]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert list(read_rule(folder).held) == [start + step for start in starts for step in range(10)]
    assert [path.name for path in folder.iterdir() if path.is_file()] == [SERVING_FILE]
