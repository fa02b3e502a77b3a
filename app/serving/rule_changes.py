"""Changes of which version of a model serves: pin, unpin, roll back, hold, release.

Each takes the lock on the model's folder, reads `serving.json` and replaces it as a whole, or
raises and leaves it as it was. A file that cannot be read is never replaced: it may be another
tool's, or of a newer version of Thalamus. `ImpossibleChange` is a change that the versions or the
rule do not allow, `InvalidRule` a file that somebody must mend first.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from app.bundle.copying import publish_copy
from app.bundle.manifest import MAX_VERSION
from app.bundle.publish import next_version
from app.bundle.registry import Registry
from app.bundle.serving_rule import ServingRule, locked, read_rule, write_rule
from app.errors import ImpossibleChange, InvalidBundle, InvalidRule, NotWritten, UnknownModel
from app.serving.rule_state import RuleState, published_versions, state_by
from app.serving.selection import serving_version, version_before
from app.wire import Wire


class RuleChange(Wire):
    """What a change did: the state before and after. copy_of: the version that was copied."""

    before: RuleState
    after: RuleState
    copy_of: int | None = None


def pin(folder: Path, version: int) -> RuleChange:
    """Let `version` serve, whatever is published later; raise `ImpossibleChange`."""
    with _changing(folder) as change:
        change.require_published(version)
        if version in change.rule.held:
            why = change.rule.reasons.get(version)
            raise ImpossibleChange(
                f"version {version} is held{f' ({why})' if why else ''}; release it first"
            )
        return change.to_policy("pinned", version)


def unpin(folder: Path) -> RuleChange:
    """Let the newest version that is not held serve; raise `ImpossibleChange` if none is pinned."""
    with _changing(folder) as change:
        if change.rule.policy != "pinned":
            raise ImpossibleChange("no version is pinned: the newest one that is not held serves")
        return change.to_policy("latest", None)


def rollback(folder: Path, ready: Collection[int] = ()) -> RuleChange:
    """Pin the version before the one that serves; raise `ImpossibleChange` if there is none.

    ready: in a service, the versions that it can answer with, of which one serves; else it is one
    of the published ones.
    """
    with _changing(folder, ready) as change:
        return change.to_policy("pinned", change.version_to_go_back_to())


def rollback_to_copy(folder: Path, registry: Registry, ready: Collection[int] = ()) -> RuleChange:
    """Publish the version before the one that serves under a new highest number, which then serves.

    A pin moves to it. Raises `ImpossibleChange`, also where that version cannot be read.
    """
    with _changing(folder, ready) as change:
        original = change.version_to_go_back_to()
        number = change.publish_copy(original, registry)
        try:
            pinned = change.rule.policy == "pinned"
            done = change.to_policy("pinned", number) if pinned else change.to(lambda: change.rule)
        except (InvalidRule, NotWritten) as error:
            raise type(error)(f"{error}; the copy was published as version {number}") from error
        return done.model_copy(update={"copy_of": original})


def hold(folder: Path, version: int, reason: str = "") -> RuleChange:
    """Let no policy pick `version`; raise `ImpossibleChange`, also if nothing else could serve.

    reason: one line, or nothing, which leaves the reason of a version that is held already.
    """
    with _changing(folder) as change:
        change.require_published(version)
        if change.rule.policy == "pinned" and change.rule.version == version:
            raise ImpossibleChange(
                f"version {version} is pinned; unpin it or pin another one first"
            )
        held = {*change.rule.held, version}
        if change.published <= held and not change.published <= {*change.rule.held}:
            raise ImpossibleChange(
                f"without version {version} nothing would serve: every other one is held"
            )
        return change.to(lambda: change.rule.holding(version, reason))


def release(folder: Path, version: int) -> RuleChange:
    """Let a held version be picked again; raise `ImpossibleChange` if it is not held."""
    with _changing(folder) as change:
        if version not in change.rule.held:
            held = ", ".join(map(str, sorted(change.rule.held))) or "none"
            raise ImpossibleChange(f"version {version} is not held; held are: {held}")
        return change.to(lambda: change.rule.releasing(version))


class _Change:
    """One change of a rule, while its folder is locked."""

    def __init__(self, folder: Path, ready: Collection[int]) -> None:
        self._folder = folder
        self.published = published_versions(folder)
        try:
            self.rule = read_rule(folder)
        except InvalidRule as error:
            raise InvalidRule(
                f"{error}; nothing was changed: correct that file, or delete it, first"
            ) from error
        serving = serving_version(self.rule, ready) or serving_version(self.rule, self.published)
        before = state_by(self.rule, folder, self.published)
        self.before = before.model_copy(update={"version": serving})

    def require_published(self, version: int) -> None:
        if version not in self.published:
            known = ", ".join(map(str, sorted(self.published))) or "none"
            raise ImpossibleChange(f"version {version} is not published; published are: {known}")

    def version_to_go_back_to(self) -> int:
        if (serving := self.before.version) is None:
            raise ImpossibleChange(
                f"no version serves ({self.before.problem}), so there is nothing to go back from; "
                "pin a version"
            )
        if (target := version_before(self.rule, serving, self.published)) is None:
            raise ImpossibleChange(
                f"there is nothing to go back to: version {serving} serves, and no version before "
                "it is published and not held"
            )
        return target

    def publish_copy(self, version: int, registry: Registry) -> int:
        """Publish the content of `version` under a number above all others, and return that."""
        highest = max(self.published | set(self.rule.held), default=0)
        number = max(next_version(self._folder.parent, self._folder.name), highest + 1)
        if number > MAX_VERSION:
            raise ImpossibleChange(f"there is no version number above {highest}")
        try:
            publish_copy(self._folder, version, number, registry)
        except InvalidBundle as error:
            why = str(error).removeprefix(f"{self._folder.parent}/")  # clients read it
            raise ImpossibleChange(f"version {version} cannot be copied: {why}") from error
        return number

    def to_policy(self, policy: str, version: int | None) -> RuleChange:
        return self.to(lambda: self.rule.changed(policy=policy, version=version))

    def to(self, make: Callable[[], ServingRule]) -> RuleChange:
        """Write the rule that is made, if it is another one."""
        try:
            changed = make()
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"][:1]) or "the rule"
            raise ImpossibleChange(f"{where}: {first['msg']}") from error
        if changed != self.rule:
            write_rule(self._folder, changed)
        after = state_by(changed, self._folder, published_versions(self._folder))
        return RuleChange(before=self.before, after=after)


@contextmanager
def _changing(folder: Path, ready: Collection[int] = ()) -> Iterator[_Change]:
    if not folder.is_dir():
        raise UnknownModel("there is no model of that name")
    with locked(folder):
        yield _Change(folder, ready)
