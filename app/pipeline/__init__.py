"""One bundle, whole: payload → arrays → graph → answer, without a server.

`thalamus predict`, `thalamus verify`, training's publish gate and the service all
answer through this one path.
"""

from app.pipeline.generation import Continuation, Manner, Word, begin, complete, stream
from app.pipeline.golden import Golden, answer_golden
from app.pipeline.item import (
    CLASSES,
    Answer,
    Asker,
    Classes,
    Features,
    NextWord,
    Question,
    Rebuilt,
    Wanted,
    ask,
)
from app.pipeline.pipeline import Answered, Pipeline
from app.pipeline.published import PUBLISHED
from app.pipeline.replay import Difference, replay

__all__ = [
    "CLASSES",
    "PUBLISHED",
    "Answer",
    "Answered",
    "Asker",
    "Classes",
    "Continuation",
    "Difference",
    "Features",
    "Golden",
    "Manner",
    "NextWord",
    "Pipeline",
    "Question",
    "Rebuilt",
    "Wanted",
    "Word",
    "answer_golden",
    "ask",
    "begin",
    "complete",
    "replay",
    "stream",
]
