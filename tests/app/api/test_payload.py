import json

import pytest

from app.api.payload import parse_body, split_content_type
from app.errors import ClientError, InvalidInput, MalformedRequest, TooLarge
from app.modalities import Payload
from app.modalities.text import text_instance

READERS = (text_instance,)
JSON = "application/json"


@pytest.mark.parametrize(
    ("header", "media_type", "parameters"),
    [
        ("text/plain", "text/plain", {}),
        ("Text/PLAIN;Charset=UTF-8", "text/plain", {"charset": "UTF-8"}),
        ('text/plain ; charset = "utf-8" ; a=b', "text/plain", {"charset": "utf-8", "a": "b"}),
        (r'a/b; boundary="x\"y;z"', "a/b", {"boundary": 'x"y;z'}),
        ("a/b; boundary*=utf-8''x", "a/b", {}),
        ("a/b; boundary*0=x; boundary*1=y", "a/b", {}),
        ('a/b; c="unclosed', "a/b", {}),
        ("a/b;;;=;c=", "a/b", {}),
        ("", "", {}),
        (";", "", {}),
        ("x" * 1001, "", {}),
    ],
)
def test_content_type_is_split_into_type_and_parameters(
    header: str, media_type: str, parameters: dict[str, str]
) -> None:
    assert split_content_type(header) == (media_type, parameters)


def test_raw_body_is_one_item() -> None:
    assert parse_body(b"x", "image/png", 9, READERS) == [Payload(b"x", "image/png")]
    assert parse_body(b"x", "text/a; charset=b", 9, READERS) == [Payload(b"x", "text/a", "b")]
    assert parse_body(b"", "image/png", 9, READERS) == [Payload(b"", "image/png")]


def test_json_instances_are_texts_or_files() -> None:
    body = {"instances": ["ü", {"b64": "eA=="}, {"b64": "", "media_type": "A/B; charset=c"}]}
    assert parse_body(json.dumps(body).encode(), JSON, 9, READERS) == [
        Payload("ü".encode(), "text/plain", "utf-8"),
        Payload(b"x", "application/octet-stream"),
        Payload(b"", "a/b", "c"),
    ]


@pytest.mark.parametrize(
    ("b64", "data"),
    [
        ("eA", b"x"),
        ("-_-_", b"\xfb\xff\xbf"),
        ("-_8", b"\xfb\xff"),
        ("eHh4\r\neHh4\n", b"xxxxxx"),
        ("eHh4\r\neA\n", b"xxxx"),
        ("data:;base64,eA==", b"x"),
    ],
)
def test_base64_in_its_common_forms_is_decoded(b64: str, data: bytes) -> None:
    body = json.dumps({"instances": [{"b64": b64}]}).encode()
    assert parse_body(body, JSON, 9, READERS)[0].data == data


@pytest.mark.parametrize(
    ("url", "given", "payload"),
    [
        ("data:image/png;base64,eA==", None, Payload(b"x", "image/png")),
        ("DATA:Image/PNG;BASE64,eA", None, Payload(b"x", "image/png")),
        ("data:text/a;charset=b;base64,eA==", None, Payload(b"x", "text/a", "b")),
        ("data:image/png;base64,eA==", "image/png", Payload(b"x", "image/png")),
        ("data:image/png;base64,eA==", "application/octet-stream", Payload(b"x", "image/png")),
    ],
)
def test_a_data_url_has_its_media_type(url: str, given: str | None, payload: Payload) -> None:
    file = {"b64": url} | ({"media_type": given} if given else {})
    body = json.dumps({"instances": [file]}).encode()
    assert parse_body(body, JSON, 9, READERS) == [payload]


@pytest.mark.parametrize(
    "name", ["text/json", "Application/Vnd.Api+JSON", f"{JSON}; charset=utf-8"]
)
def test_json_has_other_names(name: str) -> None:
    body = b'{"instances": ["a", "b"]}'
    assert parse_body(body, name, 9, READERS) == parse_body(body, JSON, 9, READERS)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b"\xff",
        b'{"instances": [NaN]}',
        b'{"instances": [Infinity]}',
        b'{"instances": [1e999]}',
        b'{"instances": ["\\ud800"]}',
        b'{"instances": ["\xed\xa0\x80"]}',
        b"\xef\xbb\xbf{}",
        b'{"instances": ["a"]} trailing',
        b"[" * 5_000,
        b'{"instances": ["' + b"[" * 20_000,
    ],
)
def test_malformed_json_is_400(body: bytes) -> None:
    with pytest.raises(MalformedRequest, match="not valid JSON"):
        parse_body(body, JSON, 9, READERS)


@pytest.mark.parametrize(
    "body",
    [
        b"1",
        b"null",
        b"[]",
        b"{}",
        b'"instances"',
        b'{"instances": null}',
        b'{"instances": "text"}',
        b'{"instances": {"b64": "eA=="}}',
        b'{"instances": []}',
        b'{"instances": [1]}',
        b'{"instances": [null]}',
        b'{"instances": [["x"]]}',
        b'{"instances": [{}]}',
        b'{"instances": [{"b64": 1}]}',
        b'{"instances": [{"b64": "eA==", "media_type": 1}]}',
        b'{"instances": [{"b64": "e"}]}',
        b'{"instances": [{"b64": "eA="}]}',
        b'{"instances": [{"b64": "data:image/png,eA=="}]}',
        b'{"instances": [{"b64": "data:image/png;base64,!"}]}',
        b'{"instances": [{"b64": "data:image/png;base64,eA==", "media_type": "text/plain"}]}',
        b'{"instances": [{"b64": "eA==eA=="}]}',
        b'{"instances": [{"b64": "e A=="}]}',
        b'{"instances": [{"b64": "====" }]}',
        '{"instances": [{"b64": "é==="}]}'.encode(),
        b"[" * 100_000,
        b'{"instances": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' * 100_000,
        b'{"instances": [' + b"[]," * 1_000_000 + b"1]}",
        b"1," * 1_000_000,  # not parsed, or it would be malformed
        b'"ab",' * 1_000_000,
        b'"\\\\",' * 1_000_000,
        b'"\\"",' * 1_000_000,
        b'{"instances": [{"b64": "eA=="' + b',"k":1' * 1_000_000,
    ],
    ids=lambda body: body[:40].decode(),
)
def test_json_of_another_shape_is_422(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_body(body, JSON, 9, READERS)


def test_invalid_instance_error_has_its_index() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_body(b'{"instances": ["a", {"b64": "!"}]}', JSON, 9, READERS)
    assert caught.value.index == 1


@pytest.mark.parametrize("piece", ['[{"', ",", '",', '\\",', "\\\\,"])
def test_what_json_strings_hold_is_not_counted(piece: str) -> None:
    body = json.dumps({"instances": [piece * 500_000]}).encode()
    assert parse_body(body, JSON, 9, READERS)[0].data == piece.encode() * 500_000


def test_too_many_instances_are_refused() -> None:
    body = json.dumps({"instances": ["a"] * 10}).encode()
    assert len(parse_body(body, JSON, 10, READERS)) == 10
    with pytest.raises(TooLarge, match="at most 9 instances, got 10"):
        parse_body(body, JSON, 9, READERS)


@pytest.mark.parametrize(
    "header",
    ['text/plain;"' + ";" * 900, ';a="\\' * 200, "a/b" + "; c=d" * 190, "a/b;" + " " * 900],
)
def test_hostile_content_type_is_parsed_quickly(header: str) -> None:
    try:
        assert len(parse_body(b"x", header, 9, READERS)) == 1
    except ClientError:
        assert header.startswith(";")
