"""What is sent again, after how long, and what is not; errors by their status."""

import email.utils
import gzip
import itertools
import time
from typing import Any

import httpx
import pytest

from thalamus_client import AsyncClient, Client, ClientError, Retries, calls, errors

pytestmark = pytest.mark.anyio
Outcome = httpx.Response | Exception


def problem(status: int, headers: dict[str, str] | None = None, **members: Any) -> httpx.Response:
    body = {"type": "about:blank", "title": "T", "detail": "what", "request_id": "r", **members}
    return httpx.Response(status, json=body, headers=headers)


class Damaged(httpx.Response):
    """An answer whose body is not what its header says."""

    def __init__(self, text: str = "no gzip") -> None:
        stream = httpx.ByteStream(text.encode())
        super().__init__(200, headers={"Content-Encoding": "gzip"}, stream=stream)


class Service:
    """Answers each request with the next outcome; `waits` are the seconds between them."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes, self.requests, self.waits = list(outcomes), [], []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def client(self, **options: Any) -> Client:
        transport = httpx.MockTransport(self)
        return Client("http://test/ml", transport=transport, sleep=self.waits.append, **options)


@pytest.mark.parametrize(
    "outcome",
    [
        *(problem(status) for status in (429, 502, 503, 504)),
        *(kind("x") for kind in (httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadError)),
        httpx.RemoteProtocolError("x"),
    ],
)
def test_what_may_pass_is_asked_again(outcome: Outcome) -> None:
    service = Service(outcome, httpx.Response(200, json={"models": [], "data": []}))
    with service.client() as client:
        assert client.models().models == []
    assert len(service.requests) == 2 and 0.25 <= service.waits[0] <= 0.3125


def test_a_service_that_is_not_ready_says_so() -> None:
    not_ready = {"status": "not ready", "models": {"m/1": "loading"}}
    with Service(httpx.Response(503, json=not_ready)).client() as client:
        assert client.health().models == {"m/1": "loading"}


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (problem(400), errors.BadRequest),
        (problem(401), errors.KeyRefused),
        (problem(403), errors.KeyRefused),
        (problem(404), errors.UnknownModel),
        (problem(413), errors.TooLarge),
        (problem(415), errors.WrongMediaType),
        (problem(422, index=3), errors.InvalidItem),
        (problem(500), errors.ServiceFailed),
        (problem(500, type="urn:thalamus:problem:model-output-invalid"), errors.InvalidOutput),
        (httpx.Response(302, headers={"Location": "/x"}), errors.UnexpectedAnswer),
        (httpx.Response(200, text="hello"), errors.UnexpectedAnswer),
        (httpx.Response(200, json={"models": 1}), errors.UnexpectedAnswer),
        (httpx.Response(418, text="no JSON"), errors.BadRequest),
        (httpx.Response(500, text="[" * 100_000), errors.ServiceFailed),
        (Damaged(), errors.UnexpectedAnswer),
        (httpx.ReadTimeout("x"), errors.TimedOut),
        (httpx.WriteTimeout("x"), errors.TimedOut),
    ],
)
def test_anything_else_is_an_error_at_once(outcome: Outcome, kind: type[ClientError]) -> None:
    service = Service(outcome)
    with service.client() as client, pytest.raises(kind) as raised:
        client.models()
    assert type(raised.value) is kind and len(service.requests) == 1
    if isinstance(raised.value, errors.InvalidItem):
        assert (raised.value.index, raised.value.detail) == (3, "what")
        assert (raised.value.status, raised.value.request_id) == (422, "r")


def test_waits_double_and_end() -> None:
    service = Service(*(problem(503) for _ in range(4)))
    with service.client() as client, pytest.raises(errors.Unavailable, match="503: what"):
        client.models()
    assert len(service.requests) == 4
    for wait, least in zip(service.waits, (0.25, 0.5, 1), strict=True):
        assert least <= wait <= 1.25 * least


def test_retry_after_is_respected_as_seconds_and_as_a_date() -> None:
    date = email.utils.formatdate(time.time() + 9, usegmt=True)
    later = [problem(429, {"Retry-After": value}) for value in ("7", date, "nonsense")]
    service = Service(*later, httpx.Response(200, json={"models": [], "data": []}))
    with service.client() as client:
        assert client.models().models == []
    assert service.waits[0] == 7 and 5 < service.waits[1] <= 9 and service.waits[2] < 2


def test_a_wait_that_is_too_long_is_an_error_at_once() -> None:
    service = Service(problem(429, {"Retry-After": "31"}))
    with service.client() as client, pytest.raises(errors.QuotaExceeded) as raised:
        client.models()
    assert raised.value.retry_after == 31 and service.waits == []


def test_retries_may_be_switched_off() -> None:
    service = Service(problem(503))
    with service.client(retries=Retries(0)) as client, pytest.raises(errors.Unavailable):
        client.models()


WORD = 'event: word\ndata: {"word": "a", "text": " a", "probability": 0.5}\n\n'


@pytest.mark.parametrize(
    ("rest", "kind"),
    [
        ("", errors.NoConnection),
        ('event: error\ndata: {"status": 504, "detail": "late"}\n\n', errors.Unavailable),
        ("event: word\ndata: {}\n\n", errors.UnexpectedAnswer),
        ('event: error\ndata: {"status": "late"}\n\n', errors.ServiceFailed),
        ('event: error\ndata: {"status": null}\n\n', errors.ServiceFailed),
        (f"event: error\ndata: {'[' * 100_000}\n\n", errors.ServiceFailed),
    ],
)
def test_a_stream_that_has_started_is_not_asked_again(rest: str, kind) -> None:
    service = Service(problem(503), httpx.Response(200, text=WORD + rest))
    with service.client() as client, client.stream("m", "text") as words:
        seen = iter(words)
        assert next(seen).text == " a"
        with pytest.raises(kind):
            next(seen)
    assert words.summary is None and len(service.requests) == 2


def test_a_stream_that_is_damaged_is_an_error() -> None:
    damaged = pytest.raises(errors.UnexpectedAnswer, match="Content-Encoding")
    with Service(Damaged()).client() as client, client.stream("m", "text") as words, damaged:
        list(words)


@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("part", [b"a", b"data: a\n", b"data: a\n\n"])
def test_an_answer_without_end_is_given_up(monkeypatch, part: bytes, status: int) -> None:
    monkeypatch.setattr(calls, "_MOST", 2**20)
    monkeypatch.setattr(calls, "_LONGEST_STREAM", 2**18)
    for ask in (lambda client: client.models(), lambda client: list(client.stream("m", "text"))):
        endless = itertools.chain((part * 9999,) * 300, iter(pytest.fail, None))
        answer = httpx.Response(status, content=endless)
        with Service(answer).client() as client, pytest.raises(errors.UnexpectedAnswer):
            ask(client)
        assert answer.is_closed


def test_the_lines_of_events_arrive_in_any_pieces() -> None:
    text = WORD.replace("\n", "\r\n") + WORD + WORD
    for size in (1, 2, 7, 50, 999):
        pieces = [text[at : at + size].encode() for at in range(0, len(text), size)]
        answer = httpx.Response(200, content=iter(pieces))
        with Service(answer).client() as client, client.stream("m", "text") as words:
            with pytest.raises(errors.NoConnection):
                for number, word in enumerate(words, 1):  # noqa: B007
                    pass
            assert (number, word.text) == (3, " a")


def test_a_compressed_answer_is_read() -> None:
    content = gzip.compress(b'{"models": [], "data": []}')
    answer = httpx.Response(
        200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(content)
    )
    with Service(answer).client() as client:
        assert client.models().models == []


def test_what_is_sent() -> None:
    answer = {"model": "m", "version": 2, "predictions": []}
    service = Service(*(httpx.Response(200, json=answer) for _ in range(2)))
    with service.client(key="k3y") as client:
        client.classify("a/b", "text", top_k=1, explain=True, version=2)
        client.classify(None, [b"x", b"y"])
    first, second = service.requests
    path = "http://test/ml/v1/models/a%2Fb/versions/2/classify?top_k=1&explain=true"
    assert str(first.url) == path and first.content == b"text"
    assert first.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert first.headers["Authorization"] == "Bearer k3y"
    assert str(second.url) == "http://test/ml/v1/classify?top_k=5"
    assert second.headers["Content-Type"].startswith("multipart/form-data")


async def test_the_asynchronous_client_repeats_alike() -> None:
    service = Service(
        problem(429), httpx.ReadError("x"), httpx.Response(200, json={"models": [], "data": []})
    )
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    transport = httpx.MockTransport(service)
    async with AsyncClient("http://test", transport=transport, sleep=sleep) as client:
        assert (await client.models()).models == []
    assert len(waits) == 2
    service.outcomes = [httpx.ReadTimeout("x")]
    async with AsyncClient("http://test", transport=transport, sleep=sleep) as client:
        with pytest.raises(errors.TimedOut):
            await client.models()


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://x", "http://", ""])
def test_an_address_without_a_scheme_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="such as http://localhost:8000"):
        Client(address)
