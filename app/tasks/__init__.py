"""The tasks that the service ships with; a composition root may pass more.

Routes are matched in this order, so the most frequent task is the first.
"""

from collections.abc import Mapping

from app.tasks.classify import CLASSIFY
from app.tasks.complete import COMPLETE
from app.tasks.embed import EMBED
from app.tasks.reconstruct import RECONSTRUCT
from app.tasks.task import Options, Task

__all__ = ["TASKS", "Options", "Task"]

TASKS: Mapping[str, Task] = {
    "classify": CLASSIFY,
    "embed": EMBED,
    "reconstruct": RECONSTRUCT,
    "complete": COMPLETE,
}
