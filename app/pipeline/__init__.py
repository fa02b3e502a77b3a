"""One bundle, whole: payload → arrays → graph → answer, without a server.

`thalamus predict`, `thalamus verify`, training's publish gate and the service all
answer through this one path.
"""

from app.pipeline.golden import Golden, answer_golden
from app.pipeline.pipeline import Answered, Pipeline
from app.pipeline.published import PUBLISHED
from app.pipeline.question import (
    CLASSES,
    Answer,
    Asker,
    Classes,
    Features,
    Question,
    Rebuilt,
    Wanted,
    ask,
)
from app.pipeline.replay import Difference, replay

__all__ = [
    "CLASSES",
    "PUBLISHED",
    "Answer",
    "Answered",
    "Asker",
    "Classes",
    "Difference",
    "Features",
    "Golden",
    "Pipeline",
    "Question",
    "Rebuilt",
    "Wanted",
    "answer_golden",
    "ask",
    "replay",
]
