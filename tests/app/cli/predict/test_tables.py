"""The texts of a column, from whatever kind of table the content is."""

import io

import pytest

from app.cli.predict.tables import TableReading, read_rows
from app.errors import InvalidInput, OperatorError


def rows(content: bytes, column: str = "text", charset: str | None = None) -> list[str]:
    """Return the texts; of a bad row what is wrong, in brackets."""
    file = io.BufferedReader(io.BytesIO(content))  # type: ignore[arg-type]
    found = read_rows("table", file, TableReading(column, charset))
    return [f"<{row}>" if isinstance(row, InvalidInput) else row.decode() for row in found]


@pytest.mark.parametrize(
    "content",
    [
        'id,text\n1,one\n2,"two, and\nmore"\n',
        'id;text\r\n1;one\r\n2;"two, and\nmore"\r\n',
        'text\tid\none\t1\n\n"two, and\nmore"\t2',
        '\n{"text": "one", "id": [1]}\n\n{"id": 2, "text": "two, and\\nmore"}',
    ],
    ids=["commas", "semicolons", "tabs", "JSON Lines"],
)
@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_content_decides_what_a_table_is(content: str, mark: str) -> None:
    assert rows(content.encode(mark)) == ["one", "two, and\nmore"]


def test_a_declared_charset_counts_without_a_byte_order_mark() -> None:
    assert rows("text\nété\n".encode("latin-1"), charset="ISO-8859-1") == ["été"]
    with pytest.raises(OperatorError, match="--charset: the declared charset is not known"):
        rows(b"text\n", charset="rot13")


def test_bytes_that_do_not_decode_are_left_for_the_encoder_to_refuse() -> None:
    file = io.BufferedReader(io.BytesIO("text\né\nok\n".encode("latin-1")))  # type: ignore[arg-type]
    assert list(read_rows("table", file, TableReading("text"))) == [b"\xe9", b"ok"]


def test_a_bad_row_is_one_and_the_next_is_read() -> None:
    assert rows(b"id,text\n1\n2,two\n") == ["<the row has 1 cells, and none for 'text'>", "two"]
    found = rows(b'{"text": 1}\nnonsense\n[1]\n{}\n{"text": "\xe9"}\n{"text": "ok"}\n{"text": "a"')
    assert found[0] == "<expected a JSON object>" or found[0].startswith("<expected a text")
    assert [row.startswith("<expected a") for row in found] == [True] * 5 + [False, True]


def test_a_field_without_an_end_costs_one_row(monkeypatch) -> None:
    monkeypatch.setattr("app.cli.predict.tables.LONGEST_LINE", 30)
    content = b'text\n"never closed\nand so on\nand on and on\nand on\n'
    assert rows(content)[0].startswith("<this is no row of a table (field larger than")


def test_a_line_without_an_end_ends_the_table(monkeypatch) -> None:
    monkeypatch.setattr("app.cli.predict.tables.LONGEST_LINE", 30)
    found = rows(b'{"text": "one"}\n{"text": "' + b"x" * 40)
    assert found == ["one", "<a line of more than 30 characters; the rest is not read>"]


def test_an_unknown_column_is_a_mistake_that_names_the_others() -> None:
    expected = r"table: no column 'txt' in its header \(did you mean text\?\); it has id, text"
    with pytest.raises(OperatorError, match=expected):
        rows(b"id,text\n1,one\n", "txt")
    with pytest.raises(OperatorError, match="it has nothing"):
        rows(b"")
