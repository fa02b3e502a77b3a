"""Which version of each model serves in this process: the last good rule, and what is ready.

A rule is good when its file can be read and followed (`app.serving.selection`). Where it is not,
the last good one stays in force, and `problem` says why; a worker that takes another's place finds
it in memory that they share. What serves goes on until the version
that the rule picks is ready; that is so too when it was removed or is held meanwhile and nothing
else may serve. Where there never was a good rule, nothing serves rather than what nobody chose.
"""

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

import orjson

from app.bundle.serving_rule import ServingRule, parse_rule
from app.serving.folder import RuleReading
from app.serving.reload import Entry, VersionState
from app.serving.selection import loaded_versions, objection, serving_version
from app.shared_bytes import SHARED_BYTES, SharedBytes
from app.telemetry import event


@dataclass(slots=True)
class Choice:
    """What serves of one model.

    rule: the last good one. changed: when its file was written, in seconds since 1970; None without
    a file. version: the one that serves. since: when it began to, in this process.
    """

    name: str
    rule: ServingRule | None = None
    changed: float | None = None
    version: int | None = None
    since: float | None = None
    _of_file: str | None = None
    _of_version: str | None = None

    @property
    def problem(self) -> str | None:
        """Why another version serves than the file asks for; None if all is well."""
        return self._of_file or self._of_version

    def follow(self, reading: RuleReading, published: set[int]) -> None:
        """Take what a look found in the file, if these versions let it be followed."""
        problem = reading.problem
        if reading.rule is not None:
            problem = objection(reading.rule, published)
        if problem is None:
            self.rule, self.changed = reading.rule, reading.changed
        elif problem != self._of_file:
            event("serving rule", logging.ERROR, model=self.name, reason=problem)
        self._of_file = problem

    def choose(self, entries: list[Entry]) -> None:
        """Choose among the entries of this model; `version` is None if none of them may serve."""
        ready = {e.version for e in entries if e.state is VersionState.READY and e.model}
        published = {e.version for e in entries if e.version in ready and not e.removed}
        chosen = None
        if self.rule is not None:
            chosen = serving_version(self.rule, published) or serving_version(self.rule, ready)
            self._of_version = None if chosen else self._missing(entries)
        if chosen is None and self.version in ready:
            chosen = self.version
        if chosen != self.version:
            event("model serves", model=self.name, version=chosen, before=self.version)
            self.version, self.since = chosen, None if chosen is None else time.time()

    def wanted(self, entries: list[Entry]) -> set[int]:
        """Return the versions that are to be loaded: those of the rule, and the one that serves."""
        there = {entry.version for entry in entries if not entry.removed}
        failed = {entry.version for entry in entries if entry.state is VersionState.FAILED}
        rule = self.rule or ServingRule()
        wanted = loaded_versions(rule, there - failed) | {self.version or 0}
        return wanted | {rule.version} if rule.policy == "pinned" and rule.version else wanted

    def _missing(self, entries: list[Entry]) -> str:
        assert self.rule is not None
        if self.rule.policy == "latest":
            return "no version that may serve is ready"
        states = [str(e.state) for e in entries if e.version == self.rule.version]
        return f"version {self.rule.version} is pinned, and it is {(*states, 'not there')[0]}"


class Choices:
    """The choice of every model that is published. good: the last good rule of each, as JSON."""

    def __init__(self, good: SharedBytes) -> None:
        self._by_name: dict[str, Choice] = {}
        self._good = good

    def __getitem__(self, name: str) -> Choice:
        return self._by_name.get(name) or Choice(name)

    @property
    def serving(self) -> dict[str, int | None]:
        """The version that serves, by model; None where none does."""
        return {name: choice.version for name, choice in self._by_name.items()}

    def follow(self, rules: Mapping[str, RuleReading], entries: Iterable[Entry]) -> None:
        """Take the rules that a look found."""
        before = self._rules
        for name, group in _by_model(entries):
            if name in rules:
                if name not in self._by_name:
                    self._by_name[name] = Choice(name, self._remembered(name))
                published = {entry.version for entry in group if not entry.removed}
                self._by_name[name].follow(rules[name], published)
        if before != self._rules:
            self._remember(self._rules)

    @property
    def _rules(self) -> dict[str, ServingRule]:
        return {name: each.rule for name, each in self._by_name.items() if each.rule}

    def _remembered(self, name: str) -> ServingRule | None:
        rule = orjson.loads(self._good.latest() or b"{}").get(name)
        return None if rule is None else parse_rule(orjson.dumps(rule))

    def _remember(self, rules: Mapping[str, ServingRule]) -> None:
        options = orjson.OPT_NON_STR_KEYS
        every = {name: rule.model_dump(exclude_defaults=True) for name, rule in rules.items()}
        content = orjson.dumps(every, option=options)
        if len(content) > SHARED_BYTES:
            event("serving rules", logging.WARNING, reason="too many to be remembered")
        else:
            self._good.put(content)

    def choose(self, entries: Iterable[Entry]) -> None:
        """Choose again, after an entry has changed its state; forget the models that are gone."""
        models = dict(_by_model(entries))
        self._by_name = {name: it for name, it in self._by_name.items() if name in models}
        for name, choice in self._by_name.items():
            choice.choose(models[name])

    def due(self, entries: Iterable[Entry], now: float) -> list[Entry]:
        """Return the entries that are to be loaded now; mark those that nobody wants as unloaded.

        A version that failed is tried again although nobody wants it, if it would serve instead.
        """
        due = []
        for name, group in _by_model(entries):
            choice = self[name]
            wanted = choice.wanted(group)
            for entry in group:
                newer = entry.version > (choice.version or 0)
                tried = entry.state is VersionState.FAILED and newer
                if not (tried or entry.version in wanted):
                    entry.leave_unloaded()
                elif entry.seen is not None and not entry.removed and entry.is_due(entry.seen, now):
                    due.append(entry)
        return due

    def unneeded(self, entries: Iterable[Entry]) -> list[Entry]:
        """Return the ready versions that are published, but need not be loaded any more."""
        found = []
        for name, group in _by_model(entries):
            if (choice := self[name]).version is not None:
                wanted = choice.wanted(group)
                found += [e for e in group if e.may_be_unloaded and e.version not in wanted]
        return found


def _by_model(entries: Iterable[Entry]) -> list[tuple[str, list[Entry]]]:
    """Return the entries of each model; they are sorted by name."""
    return [(name, list(group)) for name, group in groupby(entries, key=lambda e: e.name)]
