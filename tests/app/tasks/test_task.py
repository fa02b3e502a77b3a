"""What a task and a registry refuse, so that nothing is served wrongly or ignored."""

from dataclasses import replace
from typing import ClassVar

import pytest
from pydantic import Field

from app.bundle import Registry
from app.modalities import MODALITIES
from app.tasks import TASKS, Options
from app.tasks.embed import EMBED


class NeedsOne(Options):
    task: ClassVar[str] = "embed"
    count: int


class Several(Options):
    task: ClassVar[str] = "embed"
    only: list[int] = Field(default_factory=list)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "mean"}, "its options belong to the task 'embed'"),
        ({"name": "{x}"}, "expected a name"),
        ({"name": ""}, "expected a name"),
        ({"name": "a/b"}, "expected a name"),
        ({"plural": "model"}, "another meaning"),
        ({"options": NeedsOne}, "the option count is required"),
        ({"options": Several}, "the option only is required, has an alias or is a list"),
    ],
)
def test_a_task_that_would_be_served_wrongly_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(EMBED, **changes)


def test_options_in_the_query_of_a_task_with_steps_are_refused() -> None:
    complete = TASKS["complete"]

    class Loud(Options):
        task: ClassVar[str] = "complete"
        loud: bool = False

    with pytest.raises(ValueError, match="takes its options in the body"):
        replace(complete, options=Loud)


def test_a_registry_refuses_values_under_other_names() -> None:
    with pytest.raises(ValueError, match="the task 'embed' stands under the name 'features'"):
        Registry({**TASKS, "features": EMBED}, MODALITIES)
    with pytest.raises(ValueError, match="the modality 'text' stands under the name 'prose'"):
        Registry(TASKS, {**MODALITIES, "prose": MODALITIES["text"]})
    with pytest.raises(ValueError, match="'prose' has another kind"):
        Registry(TASKS, {"prose": replace(MODALITIES["text"], name="prose")})
