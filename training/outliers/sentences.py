"""English sentences that are no film reviews.

They come from the texts of `training.outliers.prose`; from e-mails without the text that they quote
(`training.datasets.spamassassin`); and, in the package gensim, from its test data, which are the
first articles of Wikipedia, and from its own documentation.
"""

import ast
import bz2
import random
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from html import unescape
from pathlib import Path

from app.modalities import Payload
from app.modalities.text.plain_text import is_html
from training.data.dataset import Sample
from training.datasets.mail import read_bodies
from training.datasets.spamassassin import ARCHIVES
from training.outliers.kinds import Locate
from training.outliers.prose import GENSIM, prose

ARTICLES = (
    "gensim/test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
)
SENTENCES_PER_TEXT, SENTENCES_PER_KIND = (
    8,
    2000,
)  # the largest number of sentences of a text, and of a kind
SENTENCE_WORDS = (5, 50)  # of a sentence
_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"“])")
_PAGE = re.compile(r"<text[^>]*>(.*?)</text>", re.DOTALL)
_PARAGRAPH = 200  # characters; shorter lines are headings or list items
# Markup that is removed from an article, innermost first; of a link, its text stays.
_MARKUP = (
    (re.compile(r"<!--.*?-->|<ref[^<>]*/>|<ref.*?</ref>|\{\|.*?\|\}", re.DOTALL), "", 1),
    (re.compile(r"\{\{[^{}]*\}\}"), "", 6),
    (re.compile(r"\[\[(?:File|Image|Category):(?:[^\[\]]|\[\[[^\[\]]*\]\])*\]\]"), "", 1),
    (re.compile(r"\[\[(?:[^|\[\]]*\|)?([^\[\]]*)\]\]"), r"\1", 1),
    (re.compile(r"\[https?:[^\s\]]*\s?([^\]]*)\]"), r"\1", 1),
    (re.compile(r"'{2,}|<[^>]+>"), "", 1),
)


def sentences(find: Locate) -> Mapping[str, Callable[[], Sequence[Sample]]]:
    """Return the kinds."""
    read: dict[str, Callable[[], Iterable[str]]] = {
        kind: partial(_texts, samples) for kind, samples in prose(find).items()
    }
    read["e-mails"] = lambda: _mails([find(archive) for archive in ARCHIVES])
    read["an encyclopaedia"] = lambda: _articles(find(GENSIM))
    read["a program's documentation"] = lambda: _documentation(find(GENSIM))
    return {f"sentences of {kind}": partial(_cut, texts) for kind, texts in read.items()}


def _cut(read: Callable[[], Iterable[str]]) -> list[Sample]:
    """Return some sentences of each text, without the first and the last, which may be cut."""
    rng = random.Random(0)
    found: list[str] = []
    for text in read():
        whole = _END.split(" ".join(text.split()))[1:-1]
        # The encoder may take a text that starts with a bracket for a tree.
        fit = [
            s
            for s in whole
            if SENTENCE_WORDS[0] <= len(s.split()) <= SENTENCE_WORDS[1] and s[0] != "("
        ]
        found += rng.sample(fit, min(SENTENCES_PER_TEXT, len(fit)))
    found = sorted(set(found))
    return [
        Sample(f"sentence-{number}", Payload(text.encode(), "text/plain", "utf-8"), "")
        for number, text in enumerate(rng.sample(found, min(SENTENCES_PER_KIND, len(found))))
    ]


def _texts(read: Callable[[], Sequence[Sample]]) -> Iterator[str]:
    return (sample.payload.data.decode() for sample in read())


def _mails(archives: Sequence[Path]) -> Iterator[str]:
    """Yield the plain-text mails without quoted lines."""
    for body in read_bodies(archives, []):
        if not is_html(body.text):
            lines = body.text.encode("utf-8", "replace").decode().splitlines()
            yield "\n".join(line for line in lines if not line.startswith(">"))


def _articles(package: Path) -> Iterator[str]:
    """Yield the paragraphs of the articles."""
    with zipfile.ZipFile(package) as archive:
        pages = bz2.decompress(archive.read(ARTICLES)).decode()
    for page in _PAGE.findall(pages):
        text = unescape(page)
        for pattern, kept, times in _MARKUP:
            for _ in range(times):
                text = pattern.sub(kept, text)
        yield from (
            line for line in text.splitlines() if len(line) > _PARAGRAPH and line[0].isalpha()
        )


def _documentation(package: Path) -> Iterator[str]:
    """Yield the docstrings of modules, classes and functions."""
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    with zipfile.ZipFile(package) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".py"):
                for node in ast.walk(ast.parse(archive.read(name))):
                    if isinstance(node, documented) and (text := ast.get_docstring(node)):
                        yield text
