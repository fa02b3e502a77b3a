"""The tasks and modalities of a program: values that its composition root passes on.

The bundle layer needs few of their attributes; `app.tasks` and `app.modalities` define the types.
Importing a module registers nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Registry:
    """The tasks by the name in a manifest's `task`, the modalities by the `kind` of its encoder.

    tasks: each an `app.tasks.task.Task`. modalities: each an `app.modalities.modality.Modality`.
    """

    tasks: Mapping[str, Any]
    modalities: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Raise `ValueError` for a task or a modality under another name than its own."""
        for kind, values in (("task", self.tasks), ("modality", self.modalities)):
            for name, value in values.items():
                if value.name != name:
                    raise ValueError(f"the {kind} {value.name!r} stands under the name {name!r}")
        for name, modality in self.modalities.items():
            if modality.spec.model_fields["kind"].default != name:
                raise ValueError(f"the specification of the modality {name!r} has another kind")

    def check(self, manifest: Any) -> None:
        """Raise `ValueError` unless the task of `manifest` is known and accepts the manifest."""
        task = self.tasks.get(manifest.task)
        if task is None:
            raise ValueError(f"expected the task {' or '.join(self.tasks)}")
        missing = task.outputs - manifest.output_names
        if missing:
            raise ValueError(f"to {task.name}, a graph gives {', '.join(sorted(missing))} too")
        task.check(manifest)
