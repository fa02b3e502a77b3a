"""No regular expression of the service backtracks without a bound on what clients send.

Quadratic time would be hours for these inputs, so a test that ends has passed.
"""

import ast
from contextlib import suppress
from pathlib import Path

import pytest

from app.api.content_coding import content_coding
from app.api.payload import split_content_type
from app.api.transfer_encoding import split_data_url
from app.errors import ThalamusError
from app.exhaustion import resource_exhausted
from app.hosts import host_of
from app.process.request_head import check_head
from tests import claims

APP = Path(__file__).resolve().parents[3] / "app"
HERE = "tests/app/security/test_regular_expressions.py"
SIZE = 300_000
# Where clients' bytes meet an expression, and the test that sends many of them.
TESTED = {
    "api/edge.py": f"{HERE}::test_a_long_path_or_id_is_answered",
    "api/fast_path.py": f"{HERE}::test_a_long_path_or_id_is_answered",
    "api/multipart.py": "tests/app/api/test_multipart.py"
    "::test_multipart_with_hostile_data_takes_linear_time",
    "api/payload.py": "tests/app/api/test_payload.py::test_hostile_content_type_is_parsed_quickly",
    "api/transfer_encoding.py": "tests/app/api/test_multipart.py"
    "::test_hostile_quoted_printable_takes_linear_time",
    "bundle/manifest.py": f"{HERE}::test_a_long_path_or_id_is_answered",
    "hosts.py": f"{HERE}::test_a_head_is_checked_in_linear_time",
    "exhaustion.py": f"{HERE}::test_errors_that_repeat_the_input_are_searched_in_linear_time",
    **dict.fromkeys(
        [f"modalities/image/{name}.py" for name in ("boxes", "jpeg", "kinds", "opening")],
        "tests/app/modalities/image/test_budgets.py::test_hostile_bytes_are_read_in_linear_time",
    ),
    "modalities/audio/mpeg.py": "tests/app/modalities/audio/test_containers.py"
    "::test_hostile_bytes_are_searched_in_linear_time",
    "modalities/text/plain_text.py": "tests/app/modalities/text/test_plain_text.py"
    "::test_hostile_input_is_read_in_linear_time",
    **dict.fromkeys(
        [f"modalities/tree/{name}.py" for name in ("encoder", "listops", "ptb", "right_branching")],
        "tests/app/modalities/tree/test_encoder.py::test_ten_megabytes_are_encoded_quickly",
    ),
    "modalities/words/tokenizer.py": "tests/app/modalities/words/test_tokenizer.py"
    "::test_tokenizer_time_is_linear",
    "process/refusal.py": "tests/app/process/test_connection.py"
    "::test_a_long_unknown_method_is_refused_quickly",
    "process/request_head.py": f"{HERE}::test_a_head_is_checked_in_linear_time",
}
# What only the operator, or a bundle that the operator publishes, can give them.
OPERATORS = {
    *(
        "access/api_key.py",
        "api/card.py",
        "api/page.py",
        "bundle/copying.py",
        "bundle/listing.py",
        "bundle/rewrite.py",
        "cli/predict/inputs.py",
        "cluster/failures.py",
    ),
    *("bundle/upgrade.py", "cli/pack.py", "cli/server_connection.py", "process/resources.py"),
    *("settings.py", "tasks/task.py"),
}


def uses_expressions(path: Path) -> bool:
    return any(
        isinstance(node, ast.Import) and any(alias.name == "re" for alias in node.names)
        for node in ast.walk(ast.parse(path.read_text()))
    )


def test_every_file_with_an_expression_is_known() -> None:
    """A new one needs a test with hostile input, or a reason why no client reaches it."""
    found = {
        path.relative_to(APP).as_posix() for path in APP.rglob("*.py") if uses_expressions(path)
    }
    assert found == TESTED.keys() | OPERATORS


@pytest.mark.parametrize("file", TESTED)
def test_its_test_exists(file: str) -> None:
    assert claims.is_a_test(TESTED[file])


@pytest.mark.parametrize("piece", [b"a", b"a.", b"[", b"[:", b":0", b"a:1", b"%", b"-."])
def test_a_head_is_checked_in_linear_time(piece: bytes) -> None:
    for host in (piece * SIZE, piece * SIZE + b" "):
        host_of(host.decode())
        with suppress(ThalamusError):
            check_head("1.1", [(b"host", host)], b"")


@pytest.mark.parametrize("piece", ["data:", "data:a;", ";base64", ",", "a"])
def test_data_urls_and_codings_are_read_in_linear_time(piece: str) -> None:
    split_data_url(piece * SIZE)
    split_data_url("data:" + piece * SIZE)
    split_content_type(piece * SIZE)
    with suppress(ThalamusError):
        content_coding([(b"content-encoding", piece.encode() * SIZE)])


@pytest.mark.slow
@pytest.mark.parametrize("piece", ["alloc", "fail ", "cannot ", "malloc", "not able ", "a"])
def test_errors_that_repeat_the_input_are_searched_in_linear_time(piece: str) -> None:
    resource_exhausted(ValueError(piece * SIZE))


@pytest.mark.anyio
@pytest.mark.parametrize("piece", ["a", "-", "1", "a-", "/", "/1", "%0a", "."])
async def test_a_long_path_or_id_is_answered(service, piece: str) -> None:
    name = piece * (50_000 // len(piece))
    for path in (f"/v1/models/{name}", f"/v1/models/moods/versions/{name}/classify"):
        for method in ("GET", "POST"):
            answer = await service.request(method, path, headers={"X-Request-ID": name})
            assert 400 <= answer.status_code < 500
