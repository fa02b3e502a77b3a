"""The number of a new version, and whether it is held when it appears.

A service that watches the folder serves a new version within a second. So a hold is in force before
the version's folder appears, and both happen within the lock of the model's folder. A crash between
them leaves the hold of a version that does not exist. The next run takes that number, and decides
anew.

The comparison takes place without the lock. If meanwhile another version was published, or became
the one that serves, it is repeated.
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app.bundle.listing import list_models
from app.bundle.publish import next_version
from app.bundle.serving_rule import SERVING_FILE, locked, read_rule, write_rule
from app.errors import InvalidBundle, InvalidRule
from app.serving.selection import objection, serving_version

DEFAULT_MODELS = Path("models")


@dataclass(frozen=True, slots=True)
class VersionPlan:
    """The number that the next version of a model gets, and the version that serves until then."""

    number: int
    serving: int | None


def plan_version(models: Path, name: str) -> VersionPlan:
    """Return the plan for the model `name`.

    Raises `InvalidRule` if its `serving.json` cannot be used, or pins what is not published: then
    nobody knows which version serves.
    """
    rule, published = read_rule(models / name), _published(models, name)
    if rule.policy == "pinned" and (why := objection(rule, published)):
        raise InvalidRule(f"{name}/{SERVING_FILE}: {why}; pin another version, or none")
    return VersionPlan(next_version(models, name), serving_version(rule, published))


@contextmanager
def settled(models: Path, name: str, plan: VersionPlan, reason: str | None) -> Iterator[None]:
    """Keep the plan true, and the new version held or not, while its folder appears.

    reason: why it is held; None if it is not. Raises `InvalidBundle` if the plan is no longer true.
    """
    with locked(models / name):
        if plan_version(models, name) != plan:
            raise InvalidBundle(f"{name}: another version was published, or serves by now")
        _settle(models / name, plan.number, reason)
        yield


def standing(folder: Path) -> list[str]:
    """Return lines on a published version that does not serve: why, and how to change it.

    folder: of the version. The commands that it names are those of `thalamus`.
    """
    name, number, models = folder.parent.name, int(folder.name), folder.parent.parent
    rule = read_rule(folder.parent)
    serving = serving_version(rule, _published(models, name))
    where = "" if models == DEFAULT_MODELS else f" --models {shlex.quote(str(models))}"
    goes_on = "no version serves" if serving is None else f"{name}/{serving} serves"
    if number in rule.held:
        reason = rule.reasons.get(number, "no reason is given")
        release = f"thalamus models release {name} {number}{where}"
        return [f"held: {reason}", f"{goes_on}; to let this version serve: {release}"]
    if serving != number:
        release = f"thalamus models unpin {name}{where}"
        return [f"{goes_on}, because it is pinned; to let the newest version serve: {release}"]
    return []


def _published(models: Path, name: str) -> list[int]:
    return [number for _, number in list_models(models, [name]).versions]


def _settle(folder: Path, number: int, reason: str | None) -> None:
    """Hold a version, or undo the hold that an interrupted run may have left for its number."""
    rule = read_rule(folder)
    if reason is not None:
        write_rule(folder, rule.holding(number, reason))
    elif number in rule.held:
        write_rule(folder, rule.releasing(number))
