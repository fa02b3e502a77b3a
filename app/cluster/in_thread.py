"""A call of Ray that nobody can end: it runs in a thread, and is waited for for a while."""

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

_Returned = TypeVar("_Returned")


def start_in_thread(call: Callable[[], _Returned]) -> "Future[_Returned]":
    """Start the call in a daemon thread, and return what will have its value or its error."""
    future: Future[_Returned] = Future()
    Thread(target=_run, args=(call, future), daemon=True).start()
    return future


def _run(call: Callable[[], _Returned], future: "Future[_Returned]") -> None:
    try:
        future.set_result(call())
    except BaseException as error:
        future.set_exception(error)
