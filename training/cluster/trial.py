"""One trial of a search, in a process of its own: its result as plain values, to be sent back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.errors import ThalamusError
from training.errors import Diverged
from training.modalities import TRAINING_MODALITIES
from training.recipes.recipe import Recipe
from training.runs.candidates import Allowance, Pace, Trial, UnreadableSamples, try_candidate
from training.runs.contest import Contest
from training.runs.search_plan import Variation
from training.runs.spent_time import computing_clock

# Loads the samples on the node where it is called, and returns what is compared.
PrepareContest = Callable[[], Contest]


@dataclass(frozen=True, slots=True)
class TrialTask:
    """What is tried. seconds: for it. best: the lowest loss of the trials before."""

    number: int
    variation: Variation
    seconds: float
    best: float


def try_variation(prepare: PrepareContest, task: TrialTask, threads: int) -> dict[str, Any]:
    """Try it and return what came of it; `trial_of` reads that."""
    import torch

    torch.set_num_threads(threads)
    try:
        contest = prepare()
        recipe = task.variation.of(contest.candidates)
        allowance = Allowance(task.seconds, computing_clock(contest.samples), task.best)
        return _values(
            try_candidate(recipe, contest.labels, contest.parts, allowance, TRAINING_MODALITIES)
        )
    except Diverged as error:
        return {"why": f"given up: {str(error).partition(';')[0]}"}
    except UnreadableSamples as error:
        return {"unreadable": str(error)}
    except ThalamusError as error:
        return {"mistake": str(error)}


def _values(trial: Trial) -> dict[str, Any]:
    return {
        "epochs": trial.epochs,
        "weights": trial.weights,
        "accuracy": trial.accuracy,
        "losses": None if trial.losses is None else trial.losses.tolist(),
        "pace": [trial.pace.once, trial.pace.epoch],
        "judges": list(trial.judges),
        "why": trial.why,
    }


def trial_of(values: Mapping[str, Any], recipe: Recipe) -> Trial:
    """Return the trial of this recipe that `try_variation` has made."""
    losses = values.get("losses")
    return Trial(
        recipe,
        values.get("epochs"),
        values.get("weights", 0),
        values.get("accuracy", 0.0),
        None if losses is None else np.asarray(losses),
        Pace(*values.get("pace", (0.0, 0.0))),
        values["why"],
        tuple(values.get("judges", ())),
    )
