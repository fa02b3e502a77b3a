"""The values of a column of a Parquet file, row group by row group, by pyarrow.

The service needs no pyarrow, so it is an extra: `thalamus[ray]` brings it. Read are columns at the
top level, also dictionaries of texts.
"""

from collections.abc import Iterator
from typing import BinaryIO

from app.command_line import nearest
from app.errors import OperatorError

MARK = b"PAR1"  # the first bytes of every Parquet file
_ROWS = 4096  # that are in memory at once


def parquet_values(name: str, file: BinaryIO, column: str) -> Iterator[object]:
    """Yield the value of each row; None for none.

    Raises `OperatorError` where the file is no such table, or pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        what = "it is a Parquet file, and reading these needs pyarrow; it comes with thalamus[ray]"
        raise OperatorError(f"{name}: {what}") from None
    if not file.seekable():
        raise OperatorError(f"{name}: Parquet is read from its end; name a file")
    try:
        table = parquet.ParquetFile(file)
        names = table.schema_arrow.names
        if column not in names:
            shown = ", ".join(names[:20]) or "nothing"
            meant = nearest(column, names)
            raise OperatorError(f"{name}: no column {column!r} in it{meant}; it has {shown}")
        for batch in table.iter_batches(_ROWS, columns=[column], use_threads=False):
            yield from batch.column(0).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise OperatorError(f"{name}: this Parquet file cannot be read ({reason})") from None
