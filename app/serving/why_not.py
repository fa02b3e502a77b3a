"""What to say to a client who gets no version of a model. It never repeats what the client sent."""

from collections.abc import Sequence

from app.serving.reload import Entry, VersionState


def published_instead(entries: Sequence[Entry], name: str) -> str:
    """Return a sentence for a client who has named what is not published."""
    own = [str(entry.version) for entry in entries if entry.name == name]
    if own:
        return f"there is no such version of this model; published are: {', '.join(own)}"
    names = ", ".join(sorted({entry.name for entry in entries})) or "none"
    return f"there is no model of that name; published are: {names}"


def loaded_instead(entries: Sequence[Entry], name: str) -> str:
    """Return a sentence for a client who has named a version that is not loaded."""
    loaded = [str(entry.version) for entry in entries if entry.name == name and entry.model]
    return (
        f"this version is published, but not loaded; loaded are: {', '.join(loaded) or 'none'}; "
        "`keep` in the model's serving.json says how many"
    )


def why_not(entries: Sequence[Entry]) -> str:
    """Return, in a word or two, how the versions are of a model of which none serves."""
    states = [entry.state for entry in entries if entry.state is not VersionState.UNLOADED]
    if VersionState.READY in states or not states:
        return "kept from serving"
    return states[-1]
