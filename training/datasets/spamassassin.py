"""The SpamAssassin public mail corpus; `training.datasets.mail` reads the mails.

The loader reads a folder with the published archives (`20030228_easy_ham.tar.bz2`, …, or without
the date), packed or unpacked. Mails that differ only in links, addresses, digits or white space
count as duplicates.
"""

import hashlib
import re
from dataclasses import replace
from html import unescape
from pathlib import Path

from app.modalities import Payload
from app.modalities.text.plain_text import is_html, plain_text
from training.data.dataset import Dataset, Sample
from training.data.sources import DataFile, locate
from training.datasets.mail import read_bodies
from training.errors import MissingData

URL = "https://spamassassin.apache.org/old/publiccorpus/"
ARCHIVES = tuple(
    DataFile(f"{name}.tar.bz2", f"{URL}{name}.tar.bz2", digest, alias=f"{name[9:]}.tar.bz2")
    for name, digest in (
        (
            "20030228_easy_ham",
            "2b7b65904bcfcc31d2b5f51946f2d261370b257402cbbd62930b46ab83367438",
        ),
        (
            "20030228_easy_ham_2",
            "b4bd3dc5ae5b40f38e99a0e41ad7d16b428b56e818e3a6ffa07330d62004dd38",
        ),
        (
            "20030228_hard_ham",
            "ce2ce67880643dbde65ea7f85bffbfe4417349c4bd80b6b0de56262ae6b0a9c9",
        ),
        (
            "20030228_spam",
            "c08debc32413804949a866be45ef78195cec2cbafd1da744ed76cdb860589743",
        ),
        (
            "20050311_spam_2",
            "44280a0e28bf7645b2279e8e42659271ad82c6f40bf8d364dbda7f1df344a765",
        ),
    )
)
_TAG = re.compile(r"<[^<>]*>")
_LINK = re.compile(r"\b(?:https?|ftp)://[^\s<>\"]+|\bwww\.[^\s<>\"]+|[^\s@]{1,64}@[\w.-]{1,250}")
_NO_LETTER = re.compile(r"[\W\d_]+")


def load(given: Path | None) -> Dataset:
    """Return the bodies, labelled ham or spam; mails without readable text are unreadable."""
    unreadable: list[tuple[str, str]] = []
    samples = []
    for body in read_bodies(locate(ARCHIVES, given), unreadable):
        text = plain_text(body.text)
        if not text:
            unreadable.append((body.name, "no text in the body"))
            continue
        payload = Payload(body.text.encode("utf-8", "replace"), "text/plain", "utf-8")
        label = "spam" if body.is_spam else "ham"
        samples.append(Sample(body.name, payload, label, key=_key(body.text)))
    if not samples:
        raise MissingData(f"no mail found; expected {', '.join(s.file for s in ARCHIVES)}")
    names = [f"{name} ({reason})" for name, reason in unreadable]
    return Dataset("SpamAssassin public corpus", URL, "CC0 / PDDL", samples, names)


def without_tags(sample: Sample) -> list[Sample]:
    """Return a copy of an HTML mail without its tags, as some mail programs export it."""
    html = sample.payload.data.decode()
    text = _TAG.sub(" ", html)
    if not is_html(html) or not plain_text(text):
        return []
    payload = Payload(text.encode(), "text/plain", "utf-8")
    return [replace(sample, name=f"{sample.name}, without tags", payload=payload)]


def _key(body: str) -> str:
    """Return a digest that near copies share: of the visible letters without links."""
    visible = _LINK.sub(" ", unescape(_TAG.sub(" ", body)))
    letters = _NO_LETTER.sub("", visible.lower())
    return hashlib.sha256((letters or body).encode("utf-8", "replace")).hexdigest()
