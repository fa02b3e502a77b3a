"""A search by Ray Tune: the candidates of `--start auto` side by side, and other learning rates.

Those without epochs are tried first, as on one machine: they take seconds, and where one could
hardly be beaten the others are not tried. A trial loads the samples itself, on its node, and keeps
no checkpoint. `training.runs.winner` decides, by the same rule as `--start auto`; which trial ended
first changes nothing.

The clock is that of the wall. Trials that run at once share the time that the comparison may take;
where there are more than the cluster has room for, each gets less of it.
"""

import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from app.cluster.connection import Cluster, room_for
from app.cluster.failures import failure_on_cluster
from app.cluster.in_thread import start_in_thread
from training.cluster.run_folder import RunFolder
from training.cluster.trial import PrepareContest, TrialTask, trial_of, try_variation
from training.errors import TrainingError
from training.runs.candidates import NO_EPOCHS, Trial, UnreadableSamples
from training.runs.choose_start import (
    COMPARISON,
    HARDLY_BETTER,
    ComparisonOptions,
    decide,
    log_trial,
    time_to_train,
)
from training.runs.chosen_start import ChosenStart
from training.runs.contest import Contest
from training.runs.search_plan import Variation, plan_search
from training.runs.spent_time import Clock
from training.runs.winner import hardly_beaten, lowest_loss

_LOOK = 0.5  # seconds between two looks for trials that have ended
_RESTARTS = 2  # of a trial whose process was lost
_Numbered = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Search:
    """A search on a cluster. threads: CPUs of each trial."""

    cluster: Cluster
    prepare: PrepareContest
    folder: RunFolder
    threads: int
    options: ComparisonOptions

    def __call__(self, contest: Contest, clock: Clock) -> ChosenStart:
        """Try the variations and return the choice; raise `TrainingError` and `ClusterError`."""
        budget = COMPARISON * 60 * self.options.minutes
        planned, left_out = plan_search(contest.candidates, self.options.trials)
        early = [each for each in planned if _has_no_epochs(each, contest)]
        trials = self._tried(contest, early, math.inf, math.inf)
        late = [each for each in planned if not _has_no_epochs(each, contest)]
        if any(hardly_beaten(trial) for trial in trials):
            trials += [Trial(each.of(contest.candidates), why=HARDLY_BETTER) for each in late]
        else:
            share = room_for(self.threads, self.cluster.nodes) / max(len(late), 1)
            left = (budget - clock()) * min(1.0, share)
            trials += self._tried(contest, late, left, lowest_loss(trials))
        trials += left_out
        return decide(contest, trials, time_to_train(self.options, clock()))

    def _tried(
        self, contest: Contest, planned: Sequence[Variation], seconds: float, best: float
    ) -> list[Trial]:
        """Try these at once, and return their trials in this order."""
        tasks = [TrialTask(n, each, seconds, best) for n, each in enumerate(planned)]
        found: dict[int, Trial] = {}
        asked = (self.prepare, tasks, self.threads, self.folder, self.cluster.names)
        for ended in self.cluster.stream(_driven, *asked) if tasks else ():
            for number, values in ended:
                found[number] = self._read(values, planned[number], contest)
                log_trial(found[number])
        return [found[number] for number in range(len(planned))]

    def _read(self, values: dict[str, Any], variation: Variation, contest: Contest) -> Trial:
        if "unreadable" in values:
            raise UnreadableSamples(values["unreadable"])
        if "mistake" in values:
            where = self.cluster.names.get(values["node"], values["node"])
            raise TrainingError(f"node {where}: {values['mistake']}")
        return trial_of(values, variation.of(contest.candidates))


def _has_no_epochs(variation: Variation, contest: Contest) -> bool:
    return contest.candidates[variation.candidate].lineage.start in NO_EPOCHS


def _driven(
    prepare: PrepareContest,
    tasks: Sequence[TrialTask],
    threads: int,
    folder: RunFolder,
    names: dict[str, str],
) -> Iterator[list[_Numbered]]:
    """Drive Ray Tune from a thread, and yield what has ended meanwhile."""
    ended = SimpleQueue[_Numbered]()
    fitted = start_in_thread(_tuner(prepare, tasks, threads, folder, ended).fit)
    seen = 0
    while not fitted.done():
        wait([fitted], _LOOK)
        found = list(_drained(ended))
        seen += len(found)
        yield found
    found = list(_drained(ended))
    yield found
    failure = fitted.exception()
    failed = [failure] if failure is not None else fitted.result().errors
    if failed or seen + len(found) < len(tasks):
        error = failed[0] if failed else RuntimeError("trials were lost")
        raise TrainingError(
            f"{failure_on_cluster(error, names)}: a trial of the search was lost after "
            f"{_RESTARTS} restarts; nothing is published"
        )


def _drained(ended: "SimpleQueue[_Numbered]") -> Iterator[_Numbered]:
    while True:
        try:
            yield ended.get_nowait()
        except Empty:
            return


def _tuner(
    prepare: PrepareContest,
    tasks: Sequence[TrialTask],
    threads: int,
    folder: RunFolder,
    ended: "SimpleQueue[_Numbered]",
) -> Any:
    os.environ |= {"TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_CHDIR_TO_TRIAL_DIR": "0"}
    from ray import tune

    class Reports(tune.Callback):
        """Reports each trial when it has ended."""

        def __init__(self, to: "SimpleQueue[_Numbered]") -> None:
            self.to = to

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **_: Any) -> None:
            self.to.put((trial.config["number"], trial.last_result["values"]))

        def __getstate__(self) -> dict[str, Any]:
            return {}  # Tune stores a copy, which nobody reads, and a queue cannot be stored

    tried = tune.with_parameters(_tried, prepare=prepare, tasks=list(tasks), threads=threads)
    return tune.Tuner(
        tune.with_resources(tried, {"cpu": threads}),
        param_space={"number": tune.grid_search([task.number for task in tasks])},
        run_config=tune.RunConfig(
            name="search",
            storage_path=str(folder.path),
            failure_config=tune.FailureConfig(max_failures=_RESTARTS),
            callbacks=[Reports(ended)],
            verbose=0,
        ),
    )


def _tried(
    config: dict[str, Any], prepare: PrepareContest, tasks: Sequence[TrialTask], threads: int
) -> None:
    import ray
    from ray import tune

    values = try_variation(prepare, tasks[config["number"]], threads)
    node = ray.get_runtime_context().get_node_id()
    tune.report({"values": values | {"node": node}})
