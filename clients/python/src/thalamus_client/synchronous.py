"""The client for threads."""

import time
from collections.abc import Callable, Iterator
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


class Client:
    """Asks a service. Thread-safe; close it, or use it in a `with` statement.

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
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], Any] = time.sleep,
    ) -> None:
        arguments = calls.client_arguments(address, key, timeout)
        self._http = httpx.Client(transport=transport, **arguments)
        self._retries, self._sleep = retries, sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def classify(
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
        return self._ask(calls.classify(model, items, version, top_k, explain))

    def embed(self, model: str, items: Items, *, version: int | None = None) -> EmbedResponse:
        """Return the features of one item, or of each of a list."""
        return self._ask(calls.embed(model, items, version))

    def reconstruct(
        self, model: str, items: Items, *, version: int | None = None
    ) -> ReconstructResponse:
        """Return an autoencoder's reconstruction of one item, or of each of a list."""
        return self._ask(calls.reconstruct(model, items, version))

    def complete(
        self, model: str, text: str, *, version: int | None = None, **options: Any
    ) -> CompletionResponse:
        """Return the continuation of a text.

        options: `max_words`, `temperature`, `seed`, `alternatives`, `stop_at_sentence_end`.
        """
        return self._ask(calls.complete(model, text, version, options))

    def stream(
        self, model: str, text: str, *, version: int | None = None, **options: Any
    ) -> "WordStream":
        """Return the words of a continuation as they are chosen; options: as of `complete`."""
        call = calls.complete(model, text, version, options)
        return WordStream(self._send(call, stream=True))

    def models(self) -> Models:
        """Return all published models."""
        return self._ask(calls.models())

    def model(self, name: str) -> DescribedModel:
        """Return one model with its facts."""
        return self._ask(calls.model(name))

    def health(self) -> Ready:
        """Return whether the service is ready, and the state of its models."""
        return self._ask(calls.health())

    def _ask(self, call: Call[A]) -> A:
        return call.read(self._send(call))

    def _send(self, call: Call[Any], stream: bool = False) -> httpx.Response:
        request = self._http.build_request(call.method, call.path, **call.arguments)
        if stream:
            request.headers["Accept"] = "text/event-stream"
        done = 0
        while True:
            outcome: httpx.Response | httpx.RequestError
            try:
                outcome = self._http.send(request, stream=True)
                if not stream or outcome.status_code != 200:
                    outcome = _whole(outcome)
            except httpx.RequestError as error:
                outcome = error
            if isinstance(outcome, httpx.Response) and outcome.status_code in call.statuses:
                return outcome
            wait = self._retries.wait(done, outcome)
            if wait is None:
                raise calls.failure(outcome)
            self._sleep(wait)
            done += 1


def _whole(response: httpx.Response) -> httpx.Response:
    body = calls.Body(response)
    try:
        for part in response.iter_bytes():
            body.add(part)
    finally:
        response.close()
    return body.whole()


class WordStream:
    """The words of a completion, once; `summary` is there after the last. Use it in a `with`."""

    def __init__(self, response: httpx.Response) -> None:
        self._response, self._events = response, calls.Events()

    @property
    def summary(self) -> CompletionSummary | None:
        """The whole text and why it ended; None before the end."""
        return self._events.summary

    def __iter__(self) -> Iterator[ChosenWord]:
        try:
            for text in self._response.iter_text():
                yield from self._events.feed(text)
        except httpx.RequestError as error:
            raise connection_error(error) from error
        finally:
            self.close()
        self._events.check_end()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop the completion, if it still runs."""
        self._response.close()
