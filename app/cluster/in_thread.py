"""A call of Ray that nobody can end: it runs in a thread, and is waited for for a while."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

Returned = TypeVar("Returned")


def start_in_thread(call: Callable[[], Returned]) -> "Future[Returned]":
    """Start the call in a daemon thread, and return what will have its value or its error."""
    future: Future[Returned] = Future()
    Thread(target=_run, args=(call, future), daemon=True).start()
    return future


def _run(call: Callable[[], Returned], future: "Future[Returned]") -> None:
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
