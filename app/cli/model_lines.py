"""What `thalamus models` prints: the state of a model, and what a change did."""

from collections.abc import Callable, Iterator

from app.serving.change_request import ChangeRequest
from app.serving.rule_changes import RuleChange
from app.serving.rule_state import RuleState
from app.terminal import printable


def mark(state: RuleState, version: int) -> str:
    """Return what is to be said about one version in a list."""
    if version == state.version:
        return "serves"
    return "held" if version in {each.version for each in state.held} else ""


def state_lines(state: RuleState) -> Iterator[str]:
    """Yield the lines of a state, in two columns."""
    policies = {"latest": "the newest version that is not held", "pinned": f"pin {state.pinned}"}
    held = [f"{h.version}{f' ({h.reason})' if h.reason else ''}" for h in state.held]
    rows = {
        "model": state.model,
        "serves": "none" if state.version is None else f"version {state.version}",
        "policy": policies.get(state.policy or "", ""),
        "held": ", ".join(held) or "none",
        "published": ", ".join(map(str, state.published)) or "none",
        "loaded": "" if state.keep is None else f"{state.keep} versions, the serving one included",
        "changed": f"{state.changed:%Y-%m-%d %H:%M:%S} UTC" if state.changed else "never",
        "problem": state.problem or "",
    }
    for name, value in rows.items():
        if value:
            yield f"{name:<11}{printable(value)}"


def change_lines(request: ChangeRequest, done: RuleChange, where: str) -> Iterator[str]:
    """Yield what a change did, and how to undo it. where: options for further commands."""
    before, after = done.before, done.after
    what = {
        "hold": f"version {request.version} is held; ",
        "release": f"version {request.version} is released; ",
    }.get(request.change, "")
    yield f"{after.model}: {what}{_serves(done)}"
    if before.model_copy(update={"changed": None}) == after.model_copy(update={"changed": None}):
        return

    def command(verb: str, *words: object) -> str:
        return " ".join(["thalamus models", verb, after.model, *map(str, words)]) + where

    undo = _undo(request, done, command)
    yield f"undo: {undo}"
    newest = max(set(after.published) - {each.version for each in after.held}, default=None)
    if request.change == "rollback" and not request.as_copy:
        then = "then" if undo == command("unpin") else f"after {command('unpin')}"
        hold = command("hold", newest)
        yield f"{then} version {newest} serves, unless it is held first: {hold}"


def _serves(done: RuleChange) -> str:
    before, after = done.before, done.after
    if after.version is None:
        return f"no version serves ({printable(after.problem or '')})"
    copied = f", a copy of version {done.copy_of}," if done.copy_of else ""
    pinned = ", pinned" if after.pinned else ""
    was = "none" if before.version is None else f"version {before.version}"
    since = ", as before" if before.version == after.version else f"; {was} served before"
    return f"version {after.version}{copied} serves{pinned}{since}"


def _undo(request: ChangeRequest, done: RuleChange, command: Callable[..., str]) -> str:
    match request.change:
        case "hold":
            return command("release", request.version)
        case "release":
            return command("hold", request.version)
        case _ if done.before.pinned is not None:
            return command("pin", done.before.pinned)
        case "rollback" if request.as_copy:
            return command("pin", done.before.version)
    return command("unpin")
