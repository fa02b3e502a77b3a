"""What the folder of a model says about its versions: which are published, and which one serves.

The commands and the answers about model control have this form. It knows nothing of what a service
has loaded: that may follow a second later, or have a reason not to.
"""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.bundle.listing import list_models
from app.bundle.serving_rule import SERVING_FILE, ServingRule, read_rule
from app.errors import InvalidRule, OperatorError, UnknownModel
from app.serving.selection import objection, serving_version
from app.wire import Wire


class HeldBack(Wire):
    """A version that no policy picks, and why."""

    version: int
    reason: str | None = None


class RuleState(Wire):
    """The published versions of a model, and its rule.

    version: the one that serves by the rule; None if there is none. policy, pinned, keep, held: the
    rule (`serving.json`); None where its file cannot be read. changed: when the file was written.
    problem: why the rule cannot be followed.
    """

    model: str
    published: tuple[int, ...]
    version: int | None = None
    policy: str | None = None
    pinned: int | None = None
    keep: int | None = None
    held: tuple[HeldBack, ...] = ()
    changed: datetime | None = None
    problem: str | None = None


def rule_state(folder: Path) -> RuleState:
    """Return the state of the model in `folder`; a file that cannot be read is its `problem`.

    Raises `UnknownModel` where there is no such folder.
    """
    published = published_versions(folder)
    try:
        return state_by(read_rule(folder), folder, published)
    except InvalidRule as error:
        return RuleState(
            model=folder.name,
            published=tuple(sorted(published)),
            changed=_changed(folder),
            problem=str(error),
        )


def state_by(rule: ServingRule, folder: Path, published: set[int]) -> RuleState:
    """Return the state of the model in `folder` by this rule."""
    problem = objection(rule, published) if published else "no version is published"
    return RuleState(
        model=folder.name,
        published=tuple(sorted(published)),
        version=serving_version(rule, published),
        changed=_changed(folder),
        problem=problem,
        **rule_members(rule),
    )


def rule_members(rule: ServingRule) -> dict[str, Any]:
    """Return the members of a rule in an answer: policy, pinned, keep, held."""
    return {
        "policy": rule.policy,
        "pinned": rule.version if rule.policy == "pinned" else None,
        "keep": rule.keep,
        "held": tuple(HeldBack(version=v, reason=rule.reasons.get(v)) for v in sorted(rule.held)),
    }


def whole_seconds(timestamp: float) -> datetime | None:
    """Return a time, in seconds since 1970, as in an answer; None for one that no calendar has."""
    with suppress(OverflowError, ValueError, OSError):
        return datetime.fromtimestamp(int(timestamp), UTC)
    return None


def published_versions(folder: Path) -> set[int]:
    """Return the versions of the model in `folder`; raise `UnknownModel` or `OperatorError`."""
    if not folder.is_dir():
        raise UnknownModel("there is no model of that name")
    listing = list_models(folder.parent, [folder.name])
    if folder.name in listing.unknown_models:
        raise OperatorError(f"{folder}: {listing.beside[folder.name]}")
    return {version for _, version in listing.versions}


def _changed(folder: Path) -> datetime | None:
    """Return when the rule was written; None without a file."""
    try:
        return whole_seconds((folder / SERVING_FILE).stat().st_mtime)
    except OSError:
        return None
