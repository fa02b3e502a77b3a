"""Which version of a model serves, and which ones stay loaded: the one place that decides.

The functions are pure. The catalog asks them about the versions that are ready in its process; the
command line and training, which load nothing, about those that are published.
"""

from collections.abc import Collection

from app.bundle.serving_rule import ServingRule


def objection(rule: ServingRule, published: Collection[int]) -> str | None:
    """Return why a rule cannot be followed with these versions; None if it can."""
    if rule.policy == "pinned" and rule.version not in published:
        return f"version {rule.version} is pinned, but not published"
    if rule.policy == "latest" and published and not set(published) - set(rule.held):
        return "every published version is held"
    return None


def serving_version(rule: ServingRule, able: Collection[int]) -> int | None:
    """Return the version that serves, of those that are able to; None if the rule picks none."""
    allowed = set(able) - set(rule.held)
    if rule.policy == "pinned":
        return rule.version if rule.version in allowed else None
    return max(allowed, default=None)


def loaded_versions(rule: ServingRule, able: Collection[int]) -> set[int]:
    """Return the versions that stay loaded, of those that are able to serve.

    They are the serving one and those before it that are not held, `keep` in all; besides, the
    newest one, where the rule keeps it from serving: it can be asked by its number, and serves at
    once when it is released or unpinned.
    """
    newest = max(able, default=None)
    serving = serving_version(rule, able)
    if serving is None:
        return set() if newest is None else {newest}
    before = sorted((v for v in able if v < serving and v not in rule.held), reverse=True)
    return {serving, *before[: rule.keep - 1], *([] if newest is None else [newest])}


def version_before(rule: ServingRule, serving: int, published: Collection[int]) -> int | None:
    """Return the version to which a rollback goes: the highest one below that is not held."""
    lower = (each for each in published if each < serving and each not in rule.held)
    return max(lower, default=None)
