"""multipart/form-data in memory, driven by python-multipart's parser directly."""

from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.errors import MalformedRequest, TooLarge
from app.inputs import Payload

NAMES = ("file", "text")
MAX_HEADERS = 16  # of one part
MAX_HEADER = 4096  # bytes of one header's name and value
_DEFAULTS = {"file": "application/octet-stream", "text": "text/plain"}


@dataclass(slots=True)
class _Part:
    name: str = ""
    media_type: str = ""
    charset: str | None = None
    data: bytearray = field(default_factory=bytearray)


class _Collector:
    """Receives the parser's callbacks; each gets a window into the body."""

    def __init__(self, max_items: int) -> None:
        self.parts: list[_Part] = []
        self.finished = False
        self._max_items = max_items
        self._field, self._value, self._headers = bytearray(), bytearray(), 0

    def on_part_begin(self) -> None:
        if len(self.parts) == self._max_items:
            raise TooLarge(f"expected at most {self._max_items} parts, got more")
        self.parts.append(_Part())
        self._headers = 0

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].data += data[start:end]

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header(self._field, data[start:end])

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header(self._value, data[start:end])

    def on_header_end(self) -> None:
        self._headers += 1
        if self._headers > MAX_HEADERS:
            raise MalformedRequest(f"expected at most {MAX_HEADERS} headers in a part, got more")
        value, options = parse_options_header(bytes(self._value))
        part, name = self.parts[-1], bytes(self._field).lower()
        if name == b"content-disposition":
            part.name = options.get(b"name", b"").decode("latin-1")
        elif name == b"content-type":
            part.media_type = value.decode("latin-1").lower()
            charset = options.get(b"charset")
            part.charset = charset.decode("latin-1") if charset else None
        self._field, self._value = bytearray(), bytearray()

    def on_end(self) -> None:
        self.finished = True

    def _header(self, part: bytearray, window: bytes) -> None:
        if len(part) + len(window) > MAX_HEADER:
            raise MalformedRequest(f"expected headers of at most {MAX_HEADER} bytes, got more")
        part += window


def parse_multipart(body: bytes, boundary: str, max_items: int) -> list[Payload]:
    """Return the parts in order; raise `MalformedRequest` or `TooLarge`."""
    if not boundary:
        raise MalformedRequest("the multipart Content-Type declares no boundary")
    collector = _Collector(max_items)
    names = ("part_begin", "part_data", "header_field", "header_value", "header_end", "end")
    callbacks = {f"on_{name}": getattr(collector, f"on_{name}") for name in names}
    try:
        parser = MultipartParser(boundary.encode("latin-1"), callbacks)
        parser.write(body)
        parser.finalize()
    except (MultipartParseError, UnicodeEncodeError, ValueError):
        raise MalformedRequest("the multipart body is damaged") from None
    if not collector.finished:
        raise MalformedRequest("the multipart body ends before its closing boundary")
    return [_payload(part) for part in collector.parts]


def _payload(part: _Part) -> Payload:
    if part.name not in NAMES:
        raise MalformedRequest(f"expected parts named {' or '.join(NAMES)}, got another name")
    return Payload(bytes(part.data), part.media_type or _DEFAULTS[part.name], part.charset)
