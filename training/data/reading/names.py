"""What the names of files promise: tables and archives."""

from pathlib import Path

JSON_LINES = (".jsonl", ".ndjson")
SHEETS = (".xlsx", ".xls", ".ods")
TABLES = (".csv", ".tsv", ".tab", ".psv", *JSON_LINES, ".json", ".parquet", *SHEETS)
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz")
COMPRESSED = (".gz", ".bz2", ".xz")


def is_table(path: Path) -> bool:
    """Return whether the name of a file is that of a table."""
    return path.suffix.lower() in TABLES


def names_archive(path: Path) -> bool:
    """Return whether the name of a file is that of an archive."""
    return path.name.lower().endswith(ARCHIVE_SUFFIXES)


def is_compressed(path: Path) -> bool:
    """Return whether the name of a file is that of a compressed table, such as `x.csv.gz`."""
    return path.suffix.lower() in COMPRESSED and not names_archive(path)


def data_stem(path: Path) -> str:
    """Return the name without what says how a file is stored: `x` of `x.tar.gz`."""
    name = path.name
    for suffixes in (ARCHIVE_SUFFIXES, COMPRESSED, TABLES):
        found = [suffix for suffix in suffixes if name.lower().endswith(suffix)]
        if found:
            name = name[: -len(max(found, key=len))] or name
    return name if name != path.name else path.stem
