"""What Ray raises → one line that names the node and says what to do.

Ray reports an error of a task with the traceback of another machine, and the death of a process in
a paragraph. The cause is looked for in what it wraps; a `ThalamusError` keeps its own words.
"""

import errno
import re
from collections.abc import Iterator, Mapping

from app.errors import ClusterError, OperatorError, ThalamusError

NOT_STARTED = "Starting Ray client server failed"  # what Ray says of its process for a client
_MEMORY = "use fewer workers, or nodes with more memory"
_SPACE = re.compile(r"no space left on device|OutOfDisk|disk is full", re.IGNORECASE)
_NODE_ID = re.compile(r"\b[0-9a-f]{56}\b")
_IP = re.compile(r"\b(?:ip|IP)[:=] ?([0-9a-fA-F:.]+)")
_LONGEST = 300  # characters of an error that nobody foresaw
_ENDED = (
    *("ActorDiedError", "ActorUnavailableError", "WorkerCrashedError", "LocalRayletDiedError"),
    *("RaySystemError", "OwnerDiedError", "ObjectLostError", "ActorUnschedulableError"),
)


def failure_on_cluster(
    error: BaseException, names: Mapping[str, str], where: str | None = None
) -> ThalamusError:
    """Return the error to show.

    names: of the nodes, by Ray's ids. where: it happened; by default on the node that it names.
    """
    every = list(_chain(error))
    found = next(filter(None, (_named(each, names) for each in every)), None)
    where = where or (f"node {found}" if found else None)
    prefix = f"{where}: " if where else ""
    for each in every:
        if _cause(each) is not None:
            continue  # Ray's wrapper is of the class of its cause, and its text is a traceback
        if isinstance(each, ThalamusError):
            says_where = isinstance(each, ClusterError) or str(each).startswith("node ")
            is_of_node = isinstance(each, OperatorError) and not says_where
            return ClusterError(f"{prefix}{each}") if is_of_node else each
    kinds = {kind.__name__ for each in every for kind in type(each).__mro__}
    return ClusterError(f"{prefix}{_what(every, kinds)}")


def _what(every: list[BaseException], kinds: set[str]) -> str:
    text = " ".join(" ".join(str(each) for each in every).split())
    if "OutOfMemoryError" in kinds or any(isinstance(each, MemoryError) for each in every):
        return f"a worker ran out of memory; {_MEMORY}"
    full = any(isinstance(each, OSError) and each.errno == errno.ENOSPC for each in every)
    if full or "OutOfDiskError" in kinds or _SPACE.search(text):
        return "its disk is full; free some space there"
    for each in every:
        if isinstance(each, ModuleNotFoundError):
            return f"there is no {each.name} there; install thalamus[ray] on every node"
    if "NodeDiedError" in kinds:
        return "it has left the cluster"
    if kinds & set(_ENDED):
        return f"a worker has ended, perhaps for lack of memory; {_MEMORY}"
    if "GetTimeoutError" in kinds:
        return "no answer in time"
    if NOT_STARTED in text:
        return "the head cannot start a process for this command; is it the only head there?"
    if "ConnectionError" in kinds:
        return f"the connection to the cluster is lost or refused ({text[:_LONGEST]})"
    # Of the task itself, if it is one: the text of Ray's wrapper is a traceback.
    last = next(each for each in every if _cause(each) is None)
    return f"{type(last).__name__}: {' '.join(str(last).split())[:_LONGEST]}"


def _cause(error: BaseException) -> BaseException | None:
    """Return what a task raised, of the error in which Ray wraps it."""
    found = getattr(error, "cause", None)
    return found if isinstance(found, BaseException) else None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it wraps.

    Ray keeps that of a task in `cause`, and Ray Train that of a lost worker in
    `health_check_failure`.
    """
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        lost = getattr(each, "health_check_failure", None)
        inside = (_cause(each), lost, each.__cause__, each.__context__)
        waiting += [one for one in inside if isinstance(one, BaseException)]


def _named(error: BaseException, names: Mapping[str, str]) -> str | None:
    """Return the name of the node that the text of an error is about."""
    for found in _NODE_ID.findall(str(error)):
        if found in names:
            return names[found]
    if (found := _IP.search(str(error))) is not None:
        return next((name for name in names.values() if name.startswith(found[1])), found[1])
    return getattr(error, "ip", None) or None
