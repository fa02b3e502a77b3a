"""Who may send which request: API keys, where the service has a file of them.

`Access` stands behind the edge, which answers, counts and logs what it refuses, and before all
routes. It looks at the head of a request only, so what is refused has no byte of its body read.
"""

from collections.abc import Collection, Sequence

from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import ApiKey, Keyring, KeyScope, Quotas
from app.api.addresses import KEPT, PROBES
from app.errors import AmbiguousKey, MissingScope, NoKey, QuotaExceeded, UnknownKey
from app.telemetry import OTHER, record_of

MAX_KEY = 256  # bytes of a key that a client presents
OPEN = frozenset({"/", *PROBES, "/docs", "/openapi.json"})
_MODELS = "/v1/models"
_PREDICT = ":predict"  # KServe's and TensorFlow Serving's end of such a path
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_BEARER = b"bearer"
_EXPECTED = "expected an API key, as Authorization: Bearer KEY or as X-API-Key: KEY"


def required_scope(method: str, path: str, tasks: Collection[str]) -> KeyScope | None:
    """Return which scope a request needs; None for one that needs no key.

    path: the one that the routes are compared with: decoded, without a prefix. It may also have the
    names of parameters, as in a route. tasks: by name. What is not known here needs a key.
    """
    path = path.removesuffix("\n")  # the pattern of a route lets one line break follow
    if method in ("GET", "HEAD") and (path in OPEN or path.startswith(KEPT)):
        return None
    if path == "/metrics":
        return KeyScope.ADMIN
    below_models = path == _MODELS or path.startswith(f"{_MODELS}/")
    if below_models and method not in _READING and not _asks_a_model(path, tasks):
        return KeyScope.ADMIN
    return KeyScope.PREDICT


def presented_key(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    """Return the key in the headers, whose names are in lower case.

    Raises `NoKey`, `UnknownKey` for one that is too long to be a key, and `AmbiguousKey`.
    """
    authorizations = [value for name, value in headers if name == b"authorization"]
    own = [value for name, value in headers if name == b"x-api-key"]
    if len(authorizations) > 1 or len(own) > 1:
        raise AmbiguousKey("expected one header field Authorization or X-API-Key, got it twice")
    keys = [*map(_of_bearer, authorizations), *(value.strip(b" \t") for value in own)]
    if not keys or not all(keys):
        raise NoKey(_EXPECTED)
    if keys[0] != keys[-1]:
        raise AmbiguousKey("expected one API key, got one in Authorization, another in X-API-Key")
    if len(keys[0]) > MAX_KEY:
        raise UnknownKey(f"expected an API key of at most {MAX_KEY} bytes, got more")
    return keys[0]


class Access:
    """Passes on the requests that their keys permit, and raises an error for all others.

    tasks: the names of the tasks, which are the last part of the addresses that ask models.
    """

    def __init__(
        self, app: ASGIApp, keyring: Keyring, quotas: Quotas, tasks: Collection[str]
    ) -> None:
        self._app, self._keyring, self._quotas = app, keyring, quotas
        self._tasks = frozenset(tasks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            self._check(scope)
        elif scope["type"] != "lifespan":  # no route takes a WebSocket
            return await send({"type": "websocket.close", "code": 1008})
        return await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> None:
        if scope.get("root_path"):  # by which the routes would look at another path
            scope["root_path"] = ""
        needed = required_scope(scope["method"], scope["path"], self._tasks)
        if needed is None:
            return
        record = record_of(scope)
        operation, record.operation = record.operation, OTHER  # a refusal answers no probe
        key = self._keyring.find(presented_key(scope["headers"]))
        if key is None:
            raise UnknownKey("this API key is not known; ask the operator of the service for one")
        record.key = key.name
        self._require(key, needed)
        record.operation = operation

    def _require(self, key: ApiKey, needed: KeyScope) -> None:
        if not key.permits(needed):
            raise MissingScope(f"expected an API key with the scope {needed}, got one without it")
        if key.quota is None:
            return
        if seconds := self._quotas.admit(key.name, key.quota):
            raise QuotaExceeded(
                f"the quota of this API key, {key.quota} requests, is used up; "
                f"try again in {seconds} s",
                seconds,
            )


def _asks_a_model(path: str, tasks: Collection[str]) -> bool:
    """Say whether a path below the models is that of a task of a model, or of one version."""
    parts = path.removeprefix(f"{_MODELS}/").split("/")
    if path.endswith(_PREDICT):
        return len(parts) == 1 or (len(parts) == 3 and parts[1] == "versions")
    return parts[-1] in tasks and (len(parts) == 2 or (len(parts) == 4 and parts[1] == "versions"))


def _of_bearer(value: bytes) -> bytes:
    scheme, _, key = value.strip(b" \t").partition(b" ")
    if scheme.lower() != _BEARER:
        raise NoKey(f"{_EXPECTED}, got another scheme in Authorization")
    return key.strip(b" \t")
