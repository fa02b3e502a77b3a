"""The client for asyncio: `Client` with `await`."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import httpx

from thalamus_client import calls
from thalamus_client.answers import (
    ChosenWord,
    ClassifyResponse,
    CompletionResponse,
    CompletionSummary,
    DescribedModel,
    EmbedResponse,
    Models,
    Ready,
    ReconstructResponse,
)
from thalamus_client.calls import A, Call
from thalamus_client.errors import connection_error
from thalamus_client.items import Items
from thalamus_client.retries import Retries


class AsyncClient:
    """Asks a service. Close it, or use it in an `async with` statement.

    address: such as http://localhost:8000, with a path prefix if there is one. key: the API key.
    timeout: seconds for each step of a request, so a server that sends its answer bit by bit may
    take longer. transport: of httpx, in place of the network.
    Methods raise `thalamus_client.errors.ClientError`, and what reading an item raises.
    """

    def __init__(
        self,
        address: str = "http://localhost:8000",
        *,
        key: str | None = None,
        timeout: float | httpx.Timeout = 60.0,
        retries: Retries = Retries(),
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        arguments = calls.client_arguments(address, key, timeout)
        self._http = httpx.AsyncClient(transport=transport, **arguments)
        self._retries, self._sleep = retries, sleep

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def classify(
        self,
        model: str | None,
        items: Items,
        *,
        top_k: int = 5,
        explain: bool = False,
        version: int | None = None,
    ) -> ClassifyResponse:
        """Return a prediction for one item, or for each of a list.

        model: None for the default one for the kind of item. top_k: labels to rank. explain: add
        what led to each label. version: of the model, if not the one that serves.
        """
        return await self._ask(calls.classify(model, items, version, top_k, explain))

    async def embed(self, model: str, items: Items, *, version: int | None = None) -> EmbedResponse:
        """Return the features of one item, or of each of a list."""
        return await self._ask(calls.embed(model, items, version))

    async def reconstruct(
        self, model: str, items: Items, *, version: int | None = None
    ) -> ReconstructResponse:
        """Return an autoencoder's reconstruction of one item, or of each of a list."""
        return await self._ask(calls.reconstruct(model, items, version))

    async def complete(
        self, model: str, text: str, *, version: int | None = None, **options: Any
    ) -> CompletionResponse:
        """Return the continuation of a text.

        options: `max_words`, `temperature`, `seed`, `alternatives`, `stop_at_sentence_end`.
        """
        return await self._ask(calls.complete(model, text, version, options))

    async def stream(
        self, model: str, text: str, *, version: int | None = None, **options: Any
    ) -> "AsyncWordStream":
        """Return the words of a continuation as they are chosen; options: as of `complete`."""
        call = calls.complete(model, text, version, options)
        return AsyncWordStream(await self._send(call, stream=True))

    async def models(self) -> Models:
        """Return all published models."""
        return await self._ask(calls.models())

    async def model(self, name: str) -> DescribedModel:
        """Return one model with its facts."""
        return await self._ask(calls.model(name))

    async def health(self) -> Ready:
        """Return whether the service is ready, and the state of its models."""
        return await self._ask(calls.health())

    async def _ask(self, call: Call[A]) -> A:
        return call.read(await self._send(call))

    async def _send(self, call: Call[Any], stream: bool = False) -> httpx.Response:
        request = self._http.build_request(call.method, call.path, **call.arguments)
        if stream:
            request.headers["Accept"] = "text/event-stream"
        done = 0
        while True:
            outcome: httpx.Response | httpx.RequestError
            try:
                outcome = await self._http.send(request, stream=True)
                if not stream or outcome.status_code != 200:
                    outcome = await _whole(outcome)
            except httpx.RequestError as error:
                outcome = error
            if isinstance(outcome, httpx.Response) and outcome.status_code in call.statuses:
                return outcome
            wait = self._retries.wait(done, outcome)
            if wait is None:
                raise calls.failure(outcome)
            await self._sleep(wait)
            done += 1


async def _whole(response: httpx.Response) -> httpx.Response:
    body = calls.Body(response)
    try:
        async for part in response.aiter_bytes():
            body.add(part)
    finally:
        await response.aclose()
    return body.whole()


class AsyncWordStream:
    """The words of a completion, once; `summary` is there after the last. Use `async with`."""

    def __init__(self, response: httpx.Response) -> None:
        self._response, self._events = response, calls.Events()

    @property
    def summary(self) -> CompletionSummary | None:
        """The whole text and why it ended; None before the end."""
        return self._events.summary

    async def __aiter__(self) -> AsyncIterator[ChosenWord]:
        try:
            async for text in self._response.aiter_text():
                for word in self._events.feed(text):
                    yield word
        except httpx.RequestError as error:
            raise connection_error(error) from error
        finally:
            await self.close()
        self._events.check_end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stop the completion, if it still runs."""
        await self._response.aclose()
