"""One bundle, whole: payload → arrays → graph → answer, without a server.

`thalamus predict`, `thalamus verify`, training's publish gate and the service all answer through
one path, `Pipeline.answer`.
"""

from app.pipeline.generate import generate, stream
from app.pipeline.golden import Golden, answer_golden
from app.pipeline.interface import ModelInterface
from app.pipeline.item import CancelToken, InferenceItem, ItemResult, make_items
from app.pipeline.pipeline import Pipeline
from app.pipeline.replay import Difference, replay
from app.pipeline.watchdog import Watchdog

__all__ = [
    "CancelToken",
    "Difference",
    "Golden",
    "InferenceItem",
    "ItemResult",
    "ModelInterface",
    "Pipeline",
    "Watchdog",
    "answer_golden",
    "generate",
    "make_items",
    "replay",
    "stream",
]
