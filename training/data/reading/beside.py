"""Tables that lie beside folders: which are data themselves, and which only describe them."""

from itertools import islice
from pathlib import Path

from training.data.reading.column_names import FILE_NAMES, TEXT_NAMES
from training.data.reading.columns import choose_columns
from training.data.reading.heads import with_head
from training.data.reading.names import is_table
from training.data.reading.options import ReadingOptions
from training.data.reading.tables import open_table
from training.data.reading.walk import WalkedFolder
from training.errors import BadData

_LOOKED_AT = 100  # rows of a .json file


def holds_table(root: Path, folder: WalkedFolder) -> bool:
    """Return whether a table lies in the folder.

    A `.json` file may be anything, such as the description of a data set; it is one where most of
    its rows, two at least, are objects with two values.
    """
    tables = (root / folder.below(file) for file in folder.files if is_table(Path(file)))
    return any(path.suffix.lower() != ".json" or _has_objects(path) for path in tables)


def _has_objects(path: Path) -> bool:
    try:
        table = open_table(path)
        rows = [row for _, row in islice(table.rows(), _LOOKED_AT)]
    except (BadData, OSError, ValueError):
        return False
    objects = sum(not isinstance(row, str) for row in rows)
    return table.width > 1 and objects > 1 and 2 * objects > len(rows)


def refuse_texts_beside(
    name: str, root: Path, folder: WalkedFolder, options: ReadingOptions
) -> None:
    """Raise `BadData` for a table of texts with labels: it or the folders may be the data."""
    for file in folder.files:
        path = root / folder.below(file)
        if is_table(path) and _has_texts(path, options):
            raise BadData(
                f"{name}: {file} is a table of texts with labels, and lies beside folders "
                f"({', '.join(each.name for each in folder.folders[:3])}); expected the one or the "
                f"other: name the table (--data {path}), or move it elsewhere to read the folders"
            )


def _has_texts(path: Path, options: ReadingOptions) -> bool:
    """Return whether a table has labels, and texts rather than names or numbers of files."""
    try:
        head = with_head(open_table(path)).head
        columns, _ = choose_columns(head, options)
    except BadData:
        return False
    called = head.folded()[columns.data] if head.header else ""
    if options.text_column is not None or called in TEXT_NAMES:
        return True
    values = head.values(columns.data)
    return called not in FILE_NAMES and 2 * sum(" " in value for value in values) > len(values)
