"""A client that leaves takes its work with it.

Servers go on with a request whose connection is closed; here `receive` is listened to
while the models work, and what nobody will read is cancelled.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request

from app.errors import Departed

Answer = TypeVar("Answer")


async def unless_departed(request: Request, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Return what `work` gives; cancel it and raise `Departed` when the client leaves first.

    The body must have been read: what `request` receives next is the departure.
    """
    answer = asyncio.create_task(work)
    departure = asyncio.create_task(_departure(request))
    try:
        await asyncio.wait((answer, departure), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise Departed("the client left before the answer")
        return answer.result()
    finally:
        answer.cancel()
        departure.cancel()


async def _departure(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
