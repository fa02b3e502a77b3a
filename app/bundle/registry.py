"""Which tasks and modalities there are: the values that a composition root hands down.

The bundle layer needs little of them, and names that little here; `app.tasks` and
`app.modalities` have the whole. Nothing is registered by importing it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Registry:
    """Tasks by the name that a manifest's `task` has, modalities by its encoder's `kind`.

    tasks: values of `app.tasks.task.Task`. modalities: of `app.modalities.modality.Modality`.
    """

    tasks: Mapping[str, Any]
    modalities: Mapping[str, Any]

    def check(self, manifest: Any) -> None:
        """Raise `ValueError` unless the task of `manifest` is known and allows what it says."""
        task = self.tasks.get(manifest.task)
        if task is None:
            raise ValueError(f"expected the task {' or '.join(self.tasks)}")
        missing = task.outputs - manifest.output_names
        if missing:
            raise ValueError(f"to {task.name}, a graph gives {', '.join(sorted(missing))} too")
        task.check(manifest)
