"""What Ray raises becomes one line that names the node."""

import errno

import pytest

from app.cluster.failures import failure_on_cluster
from app.cluster.versions import check_versions, versions_of_process
from app.errors import ClusterError, InvalidBundle, InvalidInput

NODE = "a" * 56
NAMES = {NODE: "10.0.0.7 (seven)"}


def of_task(cause: Exception) -> Exception:
    error = RuntimeError("a traceback\nof another machine")
    error.cause = cause
    return error


def of_task_as_ray_does(cause: Exception) -> Exception:
    """Ray's wrapper is an instance of its cause's class, too."""
    error = type("RayTaskError", (type(cause),), {})("\x1b[36mray::work()\x1b[39m\na traceback")
    error.cause = cause
    return error


def of_lost_worker(cause: Exception) -> Exception:
    """As Ray Train reports one that does not answer any more."""
    error = named("WorkerHealthCheckFailedError", "Worker info: Worker(\nactor=…)")
    error.health_check_failure = cause
    return error


def named(name: str, text: str = "") -> Exception:
    return type(name, (Exception,), {})(text)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (of_task(InvalidBundle("spam/1: no readable model.onnx")), "spam/1: no readable model"),
        (of_task_as_ray_does(InvalidBundle("spam/1: was altered")), "spam/1: was altered"),
        (of_task(OSError(errno.ENOSPC, "No space left on device")), "its disk is full"),
        (named("OutOfDiskError", "x"), "its disk is full"),
        (named("OutOfMemoryError", "x"), "a worker ran out of memory"),
        (of_task(MemoryError()), "a worker ran out of memory"),
        (named("ActorDiedError", f"on node {NODE}"), "a worker has ended, perhaps for lack of"),
        (of_lost_worker(named("ActorDiedError", "x")), "a worker has ended, perhaps for lack of"),
        (named("NodeDiedError", NODE), "it has left the cluster"),
        (of_task(ModuleNotFoundError("x", name="app")), "there is no app there; install"),
        (ConnectionError("Starting Ray client server failed."), "the head cannot start a process"),
        (ValueError("odd\nthing"), "ValueError: odd thing"),
        (of_task_as_ray_does(ValueError("odd\nthing")), "ValueError: odd thing"),
    ],
)
def test_a_failure_is_one_line(error: Exception, line: str) -> None:
    found = failure_on_cluster(error, NAMES, "node 10.0.0.9")
    assert isinstance(found, ClusterError)
    assert str(found).startswith(f"node 10.0.0.9: {line}")
    assert "\n" not in str(found)


def test_the_node_is_the_one_that_the_error_names() -> None:
    error = named("ActorDiedError", f"The actor died: node {NODE} has failed")
    assert str(failure_on_cluster(error, NAMES)).startswith("node 10.0.0.7 (seven): a worker")
    error = named("ActorDiedError", "ip: 10.0.0.7 more")
    assert str(failure_on_cluster(error, NAMES)).startswith("node 10.0.0.7 (seven): ")


def test_a_mistake_of_the_caller_stays_what_it_is() -> None:
    error = InvalidInput("expected a picture")
    assert failure_on_cluster(of_task(error), NAMES, "node x") is error


def test_a_mistake_that_names_its_node_is_not_said_to_be_of_another() -> None:
    error = InvalidBundle("node 10.0.0.8: it lacks something")
    assert failure_on_cluster(of_task_as_ray_does(error), NAMES, "node 10.0.0.9") is error


def test_a_node_with_another_version_is_named() -> None:
    own = dict(versions_of_process()())
    check_versions([("one", own), ("two", own)])
    for name in ("thalamus", "Python", "ray"):
        other = own | {name: "0.0.1"}
        with pytest.raises(ClusterError, match=rf"node two: expected {name} .*, got 0\.0\.1; inst"):
            check_versions([("one", own), ("two", other)])
    without = {key: value for key, value in own.items() if key != "thalamus"}
    with pytest.raises(ClusterError, match=r"node two: expected thalamus .*, got none"):
        check_versions([("two", without)])
