"""What the command line must know of a recipe before it imports torch."""

from dataclasses import dataclass

# Of the tasks whose recipes train no classifier: what to say of them.
NO_CLASSIFIER: dict[str, str] = {"complete": "is no classifier", "export": "comes trained"}
# Of the tasks whose recipes start in one way only.
FIXED_START: dict[str, str] = {"complete": "starts in its own way", "export": "comes trained"}


@dataclass(frozen=True, slots=True)
class RecipeSummary:
    """A recipe's name, task and description, and whether it has a baseline or a study."""

    name: str
    task: str
    description: str
    has_baseline: bool = False
    has_study: bool = False
