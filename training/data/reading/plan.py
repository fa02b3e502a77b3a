"""What a path of a person's own data is: tables of texts, or files with labels.

Nothing but names and tables is read here, and torch is not needed, so a mistake that can be seen in
them is answered at once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from training.data.reading.beside import holds_table, refuse_texts_beside
from training.data.reading.columns import choose_columns
from training.data.reading.embedded import embedded_column, with_files
from training.data.reading.files import FileList
from training.data.reading.heads import OpenTable, file_column, with_head
from training.data.reading.labels import NoLabel, check_no_quantity, label_from
from training.data.reading.layout import files_above, layout_of, unwrapped
from training.data.reading.names import is_table
from training.data.reading.options import ReadingOptions
from training.data.reading.scratch import scratch_folder
from training.data.reading.splits import part_of, part_of_file
from training.data.reading.tables import open_table
from training.data.reading.texts import TableOfTexts
from training.data.reading.walk import WalkedFolder, walk
from training.errors import BadData

_COLUMN_OPTIONS = ("text_column", "label_column", "group_column", "split_column")


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be read: tables of texts, or files. unusable: what is not, with the reason."""

    name: str
    tables: Sequence[TableOfTexts] = ()
    files: FileList | None = None
    unusable: list[str] = field(default_factory=list)


def plan(name: str, path: Path, options: ReadingOptions, *, trusted: bool = True) -> Plan:
    """Return what is to be read at a path that is there; raise `BadData` where nothing can be.

    trusted: whether a table may name files outside its folder, as that of an archive or
    of a download may not.
    """
    if path.is_file():
        table = with_head(open_table(path))
        column = file_column(table.head, path.parent, options.text_column)
        if column is None:
            return _of_tables(name, [TableOfTexts(table)], options, [])
        files = FileList(path.parent)
        _add_table(files, table, column, options, _Origin("", None, trusted))
        check_no_quantity(name, files.labels.counts())
        return Plan(name, files=files)
    return _folder(name, path, options, trusted)


def _folder(name: str, path: Path, options: ReadingOptions, trusted: bool) -> Plan:
    tree, unusable = walk(path)
    folder = unwrapped(tree, lambda each: holds_table(path, each))
    files = FileList(path)
    named = list(_tables_of_files(path, folder, options.text_column))
    if named:
        files.unusable += unusable
        for each, table, column in named:
            part = part_of(each.name) if each is not folder else None
            part = part or part_of_file(table.path.stem)
            _add_table(files, table, column, options, _Origin(each.path, part, trusted))
        check_no_quantity(name, files.labels.counts())
        _name_the_rest(files, tree, [table for _, table, _ in named])
        return Plan(name, files=files)
    if not folder.folders and any(is_table(Path(file)) for file in folder.files):
        tables, beside = _tables(path, tree, folder)
        return _of_tables(name, tables, options, unusable + beside)
    if not folder.folders:
        raise BadData(
            f"{name}: expected one sub-folder per label, found none"
            + (f" but {len(folder.files)} files" if folder.files else "")
        )
    refuse_texts_beside(name, path, folder, options)
    given = [f"--{o.replace('_', '-')}" for o in _COLUMN_OPTIONS if getattr(options, o) is not None]
    if given:
        raise BadData(f"{', '.join(given)}: {name} holds no table; its folders are the labels")
    layout = layout_of(name, tree, folder)
    files.notes += layout.notes
    files.warnings += layout.warnings
    files.unusable += unusable + layout.unusable
    for file, place in layout.files():
        try:
            files.append(file, label_from(place.label), place.part)
        except NoLabel as error:
            files.unusable.append(f"{file} ({error})")
    return Plan(name, files=files)


def _of_tables(
    name: str, tables: Sequence[TableOfTexts], options: ReadingOptions, unusable: list[str]
) -> Plan:
    """Return the plan for tables of texts, or for the files that are within them."""
    embedded = [(t, embedded_column(t.table.head, options.text_column)) for t in tables]
    if all(column is None for _, column in embedded):
        return Plan(name, tables, unusable=unusable)
    files = FileList(scratch_folder())
    for (table, part), column in embedded:
        if column is None:
            unusable.append(f"{table.path.name} (a table without files, beside tables with files)")
            continue
        laid_out = with_files(table, column, files.root)
        _add_table(files, laid_out, column, options, _Origin("", part, trusted=False))
    files.unusable += unusable
    check_no_quantity(name, files.labels.counts())
    return Plan(name, files=files)


def _tables(
    path: Path, tree: WalkedFolder, folder: WalkedFolder
) -> tuple[list[TableOfTexts], list[str]]:
    """Return the tables of a folder that holds nothing else that is a sample; name the rest.

    One that cannot be read is named; raises `BadData` where none can.
    """
    tables, refused, beside = list[TableOfTexts](), list[BadData](), list[str]()
    if folder is not tree:
        beside += [f"{file} (beside tables)" for file in files_above(tree, folder)]
    for file in folder.files:
        below = folder.below(file)
        if not is_table(Path(file)):
            beside.append(f"{below} (beside tables)")
            continue
        try:
            table = with_head(open_table(path / below))
        except BadData as error:
            refused.append(error)
            beside.append(f"{below} ({error})")
        else:
            tables.append(TableOfTexts(table, part_of_file(Path(file).stem)))
    if not tables:
        raise refused[0]
    return tables, beside


def _tables_of_files(
    root: Path, folder: WalkedFolder, wanted: str | None
) -> Iterator[tuple[WalkedFolder, OpenTable, int]]:
    """Yield the tables that name the files beside or below them, here or in a split's folder."""
    splits = [each for each in folder.folders if part_of(each.name)]
    for each in (folder, *splits):
        for file in each.files:
            path = root / each.below(file)
            if not is_table(path):
                continue
            try:
                table = with_head(open_table(path))
                column = file_column(table.head, path.parent, wanted)
            except BadData:
                continue  # it stays a stray file
            if column is not None:
                yield each, table, column


@dataclass(frozen=True, slots=True)
class _Origin:
    """Where the files of a table lie: a folder below the root, of a part, of a known person."""

    folder: str
    part: str | None
    trusted: bool


def _add_table(
    files: FileList, table: OpenTable, column: int, options: ReadingOptions, origin: _Origin
) -> None:
    """Add the files that a table names; name the rows that cannot be used."""
    columns, said = choose_columns(table.head, options, column)
    files.notes += [*table.notes, said]
    if origin.part is not None and columns.split is None:
        files.notes.append(f"{table.path.name}: the authors' {origin.part} split, by its name")
    seen = set[str]()
    for place, row in table.rows():
        try:
            path, label = _row(files, row, column, columns.label, origin)
            part = origin.part
            if columns.split is not None:
                part = _part(row, columns.split)
            if path in seen:
                raise NoLabel(f"{path} is named by a row before")
        except NoLabel as error:
            files.unusable.append(f"{table.path.name}, {table.place} {place} ({error})")
            continue
        seen.add(path)
        group = None if columns.group is None else row[columns.group]
        files.append(path, label, part, "" if group is None else str(group).strip())


def _row(
    files: FileList, row: Sequence[object] | str, column: int, label: int, origin: _Origin
) -> tuple[str, str]:
    """Return the path below the root, and the label; raise `NoLabel` with the reason."""
    if isinstance(row, str):
        raise NoLabel(row)
    name = "" if row[column] is None else str(row[column]).strip()
    if not name:
        raise NoLabel("the file is missing")
    path = Path(origin.folder) / name
    outside = path.is_absolute() or ".." in path.parts
    if outside and not origin.trusted:
        raise NoLabel(f"{name} lies outside the data that the table came with")
    try:
        if not (files.root / path).is_file():
            raise NoLabel(f"there is no file {name[:200]}")
    except (OSError, ValueError):
        raise NoLabel(f"there is no file {name[:200]}") from None
    return path.as_posix(), label_from(row[label])


def _part(row: Sequence[object] | str, split: int) -> str:
    value = str(row[split] or "")
    part = part_of(value)
    if part is None:
        raise NoLabel(f"the split {value[:40]!r} is none of train, validation, test")
    return part


def _name_the_rest(files: FileList, tree: WalkedFolder, tables: Sequence[OpenTable]) -> None:
    """Name the files of a folder that no table names."""
    known = set(files.paths) | {table.path.relative_to(files.root).as_posix() for table in tables}
    names = ", ".join(table.path.name for table in tables)
    files.unusable += [
        f"{path} (no row of {names} names it)" for path in tree.all_files() if path not in known
    ]
