"""The figures on disk, in one JSON file that the repository holds: no data, no single answer.

A figure belongs to a split: where the split's digest is another, the set's old figures go.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from app.disk import replace_file
from benchmarks.quality.figures import Figures
from benchmarks.quality.prepare import Facts

RESULTS = Path(__file__).parent.parent / "quality.json"


class Results:
    """All figures by set and contestant; `put` writes the file at once."""

    def __init__(self, path: Path = RESULTS) -> None:
        self._path = path
        self._sets = self._read()

    def _read(self) -> dict[str, dict]:
        return json.loads(self._path.read_text()) if self._path.exists() else {}

    def facts(self, name: str) -> Facts | None:
        """Return what is known of a set's split."""
        found = self._sets.get(name)
        return Facts(**found["split"]) if found else None

    def figures(self, name: str) -> Mapping[str, Figures]:
        """Return a set's figures by contestant."""
        found = self._sets.get(name, {}).get("figures", {})
        return {who: Figures(**figures) for who, figures in found.items()}

    def has(self, facts: Facts, contestant: str) -> bool:
        """Return whether there is a figure, or a failure, for this very split."""
        known = self.facts(facts.name)
        return (
            known is not None
            and known.digest == facts.digest
            and contestant in self.figures(facts.name)
        )

    def put(self, facts: Facts, contestant: str, figures: Figures) -> None:
        """Keep a figure beside those that the file has by now; write it whole or not at all."""
        self._sets = self._read()
        known = self.facts(facts.name)
        kept = self._sets.get(facts.name, {})
        if known is None or known.digest != facts.digest:
            kept = {"figures": {}}
        new = {k: v for k, v in asdict(figures).items() if v != getattr(Figures(), k)}
        all_ = {**kept["figures"], contestant: new}
        self._sets[facts.name] = {
            "split": asdict(facts),
            "figures": {name: all_[name] for name in sorted(all_)},
        }
        text = json.dumps(self._sets, indent=1, ensure_ascii=False, sort_keys=False)
        replace_file(self._path, f"{text}\n".encode())
