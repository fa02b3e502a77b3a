"""Body texts of the SpamAssassin public mail corpus.

The corpus is a set of archives, ``easy_ham.tar.bz2``, ``spam_2.tar.bz2``, ..., each with one folder
of raw mails; unpacked folders are read as well. Headers, and so the subject, are left out: in this
corpus they name the mailing lists, and a classifier would learn those.
"""

import email
import re
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from email.message import Message
from pathlib import Path
from typing import NamedTuple

from training.errors import MissingData

_MAIL_NAME = re.compile(r"\d+\.[0-9a-f]{32}")  # other files, as ``cmds``, are no mails


class Body(NamedTuple):
    """One mail: its ``folder/file`` name, its decoded body (HTML perhaps) and its label."""

    name: str
    text: str
    is_spam: bool


def read_bodies(paths: Sequence[Path], unreadable: list[tuple[str, str]]) -> Iterator[Body]:
    """Yield the mails of these archives and folders, in the order of their names.

    For a mail without readable text, the name and the reason are appended to ``unreadable``.
    """
    for name, raw in _raw_mails(paths):
        try:
            text = body_text(raw)
        except Exception as problem:  # the email package fails in many ways on hostile mails
            unreadable.append((name, f"{type(problem).__name__}: {problem}"))
            continue
        if not text.strip():
            unreadable.append((name, "no text part with content"))
            continue
        yield Body(name, text, is_spam=name.startswith("spam"))


def body_text(raw: bytes) -> str:
    """Return the decoded text of a raw mail: its plain parts, else its HTML, else other text."""
    parts: dict[str, list[str]] = {"text/plain": [], "text/html": [], "other": []}
    for part in email.message_from_bytes(raw).walk():
        kind = part.get_content_type()
        # A multipart without its boundary is one string, which counts as text.
        broken_multipart = part.get_content_maintype() == "multipart" and not part.is_multipart()
        if part.is_multipart() or not (part.get_content_maintype() == "text" or broken_multipart):
            continue
        if part.get_content_disposition() == "attachment":
            continue
        text = _decoded(part)
        if text.strip():
            parts[kind if kind in parts else "other"].append(text)
    return next(("\n".join(texts) for texts in parts.values() if texts), "")


def _decoded(part: Message) -> str:
    """Decode the transfer encoding and the charset; a wrong charset is replaced by a likely one."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    try:
        declared = part.get_content_charset() or "utf-8"
    except (LookupError, ValueError):
        declared = "utf-8"
    for charset in (declared, "utf-8"):
        try:
            return payload.decode(charset)
        except (LookupError, ValueError):  # no such charset, or not in it
            continue
    return payload.decode("cp1252", errors="replace")


def _raw_mails(paths: Sequence[Path]) -> Iterator[tuple[str, bytes]]:
    """Yield `folder/file` and the bytes of each mail of these archives and folders."""
    for path in paths:
        if path.is_dir():
            for mail in sorted(path.rglob("*")):
                if mail.is_file() and _MAIL_NAME.fullmatch(mail.name):
                    yield f"{mail.parent.name}/{mail.name}", mail.read_bytes()
        else:
            yield from _archived_mails(path)


def _archived_mails(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        yield from _members(path)
    except (tarfile.TarError, EOFError, zlib.error, OSError):
        raise MissingData(f"{path} is not a readable tar archive") from None


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        members = [member for member in archive if member.isfile()]
        for member in sorted(members, key=lambda member: member.name):
            folder, _, file = member.name.removeprefix("./").rpartition("/")
            content = archive.extractfile(member)
            if content is not None and _MAIL_NAME.fullmatch(file):
                yield f"{folder.rpartition('/')[2]}/{file}", content.read()
