"""Data sets and packages in miniature, laid out as their authors lay them out."""

import bz2
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tests.training.samples import mail, mail_name, write_tar
from training.datasets.spamassassin import ARCHIVES
from training.outliers.prose import GENSIM, NEWS, NOVEL, SPEECHES
from training.outliers.sentences import ARTICLES

PIECES = 12  # chapters, speeches, articles, mails of an archive
LONG = "It was written down at length, for what is short is taken for a heading. " * 3


def said(kind: str, count: int = 6) -> str:
    """So many sentences of a kind, each of five words and a number."""
    return " ".join(f"The {kind} was seen {number} times." for number in range(count))


def write_prose(folder: Path) -> Path:
    """All that the sentences of `training.outliers` are taken from; returns the folder."""
    write_tar(
        folder / NOVEL.file,
        {f"package/data/chapter_{n}.txt": said(f"whale{n}").encode() for n in range(PIECES)},
    )
    speech = json.dumps({"text": said("union", 200)}).encode()
    write_tar(folder / SPEECHES.file, {f"package/data/{n}.json": speech for n in range(PIECES)})
    for source in ARCHIVES:
        quoted = f"> {said('quoted')}\n{said(source.file[9:-8])}\n"
        html = f"<html><body><p>{said('tagged')}</p></body></html>"
        mails = {f"spam/{mail_name(n)}": mail(text) for n, text in enumerate((quoted, html))}
        write_tar(folder / source.file, mails)
    with zipfile.ZipFile(folder / GENSIM.file, "w") as archive:
        archive.writestr(NEWS, "\n".join(said(f"minister{n}") for n in range(PIECES)))
        pages = "".join(f'<text xml:space="preserve">{article(n)}</text>' for n in range(PIECES))
        archive.writestr(ARTICLES, bz2.compress(pages.encode()))
        archive.writestr("gensim/model.py", f'def train():\n    """{said("corpus")}"""\n')
    return folder


def article(number: int) -> str:
    """Wikipedia's mark-up around what a reader sees of it, escaped as its dumps are."""
    return (
        "{{Redirect|a {{nested}} one}}\n'''Planet''' is a heading.\n"
        f"{LONG}The [[planet (world)|planet]] was seen {number} times.&lt;ref&gt;Not read. "
        "Nor this.&lt;/ref&gt; [[File:x.png|Its [[moon]]. Not read.]] This is the last one.\n"
    )


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Files by their paths below a folder."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def write_collection(folder: Path, name: str, files: Mapping[str, bytes], *, packed: bool) -> Path:
    """The files of a public repository in `folder`, as its archive or unpacked."""
    if packed:
        write_repository(folder, name, files)
    else:
        write_files(folder / name, files)
    return folder


def write_repository(folder: Path, name: str, files: Mapping[str, bytes]) -> Path:
    """The archive of a public repository's files, in `folder`."""
    return write_zip(
        folder / f"{name}-master.zip", {f"{name}-master/{n}": data for n, data in files.items()}
    )
