"""Bodies of mails, and nothing of their headers."""

import base64
from pathlib import Path

import pytest

from tests.training.samples import mail, mail_name, write_tar
from training.datasets.mail import body_text, read_bodies
from training.errors import MissingData


def multipart(*parts: tuple[dict[str, str], bytes], kind: str = "mixed") -> bytes:
    body = b""
    for headers, content in parts:
        head = "".join(f"{name}: {value}\n" for name, value in headers.items())
        body += b"--XX\n" + head.encode() + b"\n" + content + b"\n"
    return mail(body + b"--XX--\n", {"Content-Type": f'multipart/{kind}; boundary="XX"'})


PLAIN, HTML = {"Content-Type": "text/plain"}, {"Content-Type": "text/html"}


def test_a_plain_mail_without_its_headers():
    assert body_text(mail("hello\nthere\n")) == "hello\nthere\n"


def test_plain_text_goes_before_html():
    raw = multipart((HTML, b"<p>marked</p>"), (PLAIN, b"plain"), kind="alternative")
    assert body_text(raw) == "plain"


def test_html_is_taken_where_nothing_else_is():
    assert body_text(mail("<p>marked</p>", HTML)) == "<p>marked</p>"


def test_plain_parts_are_joined():
    assert body_text(multipart((PLAIN, b"one"), (PLAIN, b"two"))) == "one\ntwo"


def test_an_empty_plain_part_does_not_hide_the_html():
    assert body_text(multipart((PLAIN, b" \n "), (HTML, b"<b>words</b>"))) == "<b>words</b>"


def test_attachments_and_pictures_are_skipped():
    attached = {**PLAIN, "Content-Disposition": 'attachment; filename="a.txt"'}
    raw = multipart(
        (PLAIN, b"body"), (attached, b"attached"), ({"Content-Type": "image/png"}, b"x")
    )
    assert body_text(raw) == "body"


@pytest.mark.parametrize(
    ("encoding", "content"),
    [
        ("base64", base64.encodebytes("grüße".encode())),
        ("quoted-printable", b"gr=C3=BC=C3=9Fe"),
        ("8bit", "grüße".encode()),
    ],
)
def test_transfer_encodings_are_undone(encoding: str, content: bytes):
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Transfer-Encoding": encoding,
    }
    assert body_text(mail(content, headers)).strip() == "grüße"


@pytest.mark.parametrize(
    ("charset", "content"),
    [
        ("iso-8859-1", "café".encode("latin-1")),
        ("koi8-r", "кафе".encode("koi8-r")),
        ("no-such-charset", "café".encode()),
        ("us-ascii", "café".encode()),
        ("utf-8", "café".encode("cp1252")),
        ('"broken', "café".encode()),
    ],
)
def test_declared_charsets_are_believed_where_they_can_be(charset: str, content: bytes):
    expected = "кафе" if charset == "koi8-r" else "café"
    assert body_text(mail(content, {"Content-Type": f"text/plain; charset={charset}"})) == expected


def test_undecodable_bytes_of_a_mail_are_replaced():
    assert "\ufffd" in body_text(mail(b"a\x81b"))


def test_a_forwarded_mail_is_read_without_its_headers():
    inner = mail("inner words", {"Subject": "INNERSUBJECT"})
    text = body_text(multipart((PLAIN, b"see below"), ({"Content-Type": "message/rfc822"}, inner)))
    assert "see below" in text and "inner words" in text
    assert "SUBJECT" not in text


@pytest.mark.parametrize(
    "raw",
    [
        mail("words"),
        mail("words", {"X-Folded": "a\n  Subject: still folded"}),
        multipart((PLAIN, b"words")),
        mail("words", {"Content-Type": "multipart/mixed"}),
        b"From someone Mon Jan 1\n" + mail("words"),
        mail("words", {"Subject": "=?utf-8?q?SECRET=53UBJECT?="}),
    ],
)
def test_no_header_ever_reaches_the_text(raw: bytes):
    text = body_text(raw)
    assert "words" in text
    assert not any(word in text for word in ("SECRET", "Subject", "sender@", "boundary"))


def test_archives_and_folders_say_the_same(tmp_path: Path):
    mails = {f"spam_2/{mail_name(i)}": mail(f"words {i}") for i in (2, 1)}
    archive = write_tar(tmp_path / "spam_2.tar.bz2", {**mails, "spam_2/cmds": b"mv a b"})
    for name, data in mails.items():
        path = tmp_path / "unpacked" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    bodies = list(read_bodies([archive], []))
    assert bodies == list(read_bodies([tmp_path / "unpacked"], []))
    assert [(b.name, b.text, b.is_spam) for b in bodies] == [
        (f"spam_2/{mail_name(1)}", "words 1", True),
        (f"spam_2/{mail_name(2)}", "words 2", True),
    ]


def test_mails_without_text_are_listed_with_the_reason(tmp_path: Path):
    names = [f"easy_ham/{mail_name(i)}" for i in range(3)]
    contents = [mail("words"), mail(" \n"), mail("x", {"Content-Type": "image/png"})]
    archive = write_tar(tmp_path / "h.tar.bz2", dict(zip(names, contents, strict=True)))
    unreadable: list[tuple[str, str]] = []
    assert [b.name for b in read_bodies([archive], unreadable)] == names[:1]
    assert unreadable == [(name, "no text part with content") for name in names[1:]]


@pytest.mark.parametrize("keep", [0, 20, -40])
def test_a_damaged_archive_is_refused(tmp_path: Path, keep: int):
    mails = {f"spam/{mail_name(i)}": mail(f"words {i}") for i in range(200)}
    archive = write_tar(tmp_path / "spam.tar.bz2", mails)
    archive.write_bytes(archive.read_bytes()[:keep])
    with pytest.raises(MissingData, match="is not a readable tar archive"):
        list(read_bodies([archive], []))
