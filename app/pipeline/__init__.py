"""One bundle, whole: payload → arrays → graph → answer, without a server.

`thalamus predict`, `thalamus verify`, training's publish gate and the service all
answer through this one path.
"""

from app.pipeline.golden import Golden, answer_golden
from app.pipeline.pipeline import Answered, Asker, Pipeline, Question, ask
from app.pipeline.replay import Difference, replay

__all__ = [
    "Answered",
    "Asker",
    "Difference",
    "Golden",
    "Pipeline",
    "Question",
    "answer_golden",
    "ask",
    "replay",
]
