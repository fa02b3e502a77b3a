"""A request's body, in one of three forms → the payloads it holds.

- raw: the body is the item, its Content-Type the item's;
- `multipart/form-data`: parts named `file` or `text`, in order;
- JSON: `{"instances": ["some text", {"b64": "…", "media_type": "image/png"}]}`; the modalities add
  further forms of an instance (`Modality.instance`). Its other names are `text/json` and
  `application/…+json`.

The body is parsed in memory, where `edge` has limited its size, so that a full disk cannot look
like a client's error. orjson parses JSON; it refuses NaN, lone surrogates and very deep nesting.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from app.api.json_body import parse_json_body
from app.api.multipart import parse_multipart
from app.api.transfer_encoding import decode_base64, split_data_url
from app.errors import InvalidInput, TooLarge, UnsupportedMedia
from app.modalities import Payload
from app.modalities.payload import SNIFFED
from app.names import unknown_name

MAX_CONTENT_TYPE = 1000  # characters
_FILE_MEMBERS = ("b64", "media_type")
Instance = Callable[[Any], Payload | None]
_JSON = ("application/json", "text/json")
_PARAMETER = re.compile(r""";\s*([\w.+-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^";\s]+))""")
_ESCAPED = re.compile(r"\\(.)")
_INSTANCES = 'expected {"instances": […]} with a list of strings or {"b64": "…"}'
_EXPECTED = (
    "send the file itself with its own Content-Type (image/jpeg, audio/wav, text/plain, …), "
    "multipart/form-data with parts named file or text, "
    'or application/json {"instances": […]}'
)


def parse_body(
    body: bytes, content_type: str, max_items: int, instances: Sequence[Instance]
) -> list[Payload]:
    """Return the items of a request body, at least one; raise a `ClientError`.

    instances: the modalities' functions that read an item in JSON, tried in turn.
    """
    media_type, parameters = split_content_type(content_type)
    if media_type == "multipart/form-data":
        payloads = parse_multipart(body, parameters.get("boundary", ""), max_items)
    elif is_json(media_type):
        payloads = _parse_json(body, max_items, instances)
    elif not media_type or media_type == "application/x-www-form-urlencoded":
        raise UnsupportedMedia(
            f"the Content-Type is missing, too long or a form's default; {_EXPECTED}"
        )
    else:
        payloads = [Payload(body, media_type, parameters.get("charset"))]
    if not payloads:
        raise InvalidInput(f"the request holds no item; {_EXPECTED}")
    return payloads


def is_json(media_type: str) -> bool:
    """Return whether it is JSON or one of its other names (RFC 6839, 3.1)."""
    return media_type in _JSON or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def split_content_type(value: str) -> tuple[str, dict[str, str]]:
    """Return the media type in lower case and its parameters."""
    if len(value) > MAX_CONTENT_TYPE:
        return "", {}
    if ";" not in value:
        return value.strip().lower(), {}
    media_type, _, rest = value.partition(";")
    pairs = _PARAMETER.findall(";" + rest)
    parameters = {
        name.lower(): _ESCAPED.sub(r"\1", quoted) or plain for name, quoted, plain in pairs
    }
    return media_type.strip().lower(), parameters


def _parse_json(body: bytes, max_items: int, readers: Sequence[Instance]) -> list[Payload]:
    document = parse_json_body(body, _INSTANCES)
    if not isinstance(document, dict):
        raise InvalidInput(_INSTANCES)
    if extra := document.keys() - {"instances"}:
        raise InvalidInput(unknown_name("member", min(extra), ("instances",)))
    instances = document.get("instances")
    if not isinstance(instances, list):
        raise InvalidInput(_INSTANCES)
    if len(instances) > max_items:
        raise TooLarge(f"expected at most {max_items} instances, got {len(instances)}")
    return [read_instance(value, index, readers) for index, value in enumerate(instances)]


def read_instance(value: Any, index: int, readers: Sequence[Instance]) -> Payload:
    """Return the item that a value in JSON is; raise `InvalidInput` with its index.

    readers: the modalities' functions, tried in turn; then a file, `{"b64": "…", "media_type": …}`.
    """
    for read in readers:
        if (payload := read(value)) is not None:
            return payload
    if isinstance(value, dict) and isinstance(value.get("b64"), str):
        if extra := value.keys() - _FILE_MEMBERS:
            raise InvalidInput(unknown_name("member", min(extra), _FILE_MEMBERS), index)
        media_type = value.get("media_type", SNIFFED)
        if not isinstance(media_type, str):
            raise InvalidInput("media_type must be a string", index)
        return read_file(value["b64"], media_type, index, "b64")
    raise InvalidInput('expected a string or {"b64": "…"}', index)


def read_file(text: str, content_type: str, index: int | None, name: str) -> Payload:
    """Return the file that base64 or a data URL holds; raise `InvalidInput` with its index.

    content_type: of the file, if it is known; a data URL has its own. name: of the member.
    """
    in_url, text = split_data_url(text)
    try:
        data = decode_base64(text)
    except ValueError:
        raise InvalidInput(f"{name} is not valid base64", index) from None
    media_type, charset = _known(content_type)
    if in_url is None:
        return Payload(data, media_type, charset)
    if media_type not in (SNIFFED, _known(in_url)[0]):
        raise InvalidInput(f"media_type and the data URL in {name} differ", index)
    return Payload(data, *_known(in_url))


def _known(content_type: str) -> tuple[str, str | None]:
    media_type, parameters = split_content_type(content_type)
    return media_type, parameters.get("charset")
