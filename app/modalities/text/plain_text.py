"""Cleaning: a text → the words that every text classifier reads, in training and in serving.

`plain_text` is pure and takes time linear in its input: every regular expression below has a
bounded repeat, cannot rescan what a failed attempt has read, or runs on a truncated text. All words
become lower case. Marks replace what would be lost: `allcaps` precedes each run of words in
capitals, `newpar` stands for a blank line, `imagetag` for a picture, `linkto` and the labels of the
host for a link, `urllink` or `mailaddr` and the host for an address in the text, and `longnum` for
a long number. Text with markup starts with `htmlmail` and with `hastable`, `hasfont`, ... for the
kinds of tags that it has. An empty text stays empty.
"""

import html
import re
import unicodedata

MAX_CHARS = 20_000
"""Characters of a text that are kept: about three times as many as a classifier's tokens hold."""
MAX_NORMALISED = 2 * MAX_CHARS
"""Characters that are kept after the normalisation, which makes up to 18 of one."""

_HTML_HINT = re.compile(
    r"<!doctype\b|</?(?:html|head|body|table|tr|td|p|br|div|span|font|b|i|a|img|center|h[1-6]|ul|li"
    r"|pre|meta|style|script)(?:\s[^<>]{0,2000})?/?>|</[a-z]{1,10}\s{0,10}>",
    re.IGNORECASE,
)
_HIDDEN_START = re.compile(r"<!--|<(script|style|title)\b", re.IGNORECASE)
_HIDDEN_END = {
    name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "title")
} | {"": re.compile("-->")}
_TAG = re.compile(r"<(/?[a-z][a-z0-9]{0,20}+|[a-z/!?])([^<>]*+)>", re.IGNORECASE)
# A tag that starts a new line or cell separates two words. Any other tag does not: <b>, <font>, or
# an invented one that somebody put into a word to deceive filters.
_BREAKING = re.compile(
    "/?(?:p|br|div|td|th|tr|table|tbody|li|ul|ol|dl|dt|dd|h[1-6]|hr|pre|blockquote|center|body|head"
    "|html|form|input|select|option|textarea|img|a)"
)
_TELLING = re.compile(
    "table|font|img|a|form|script|style|meta|center|iframe|b|div|span|pre|blockquote"
)
_TARGET = re.compile(
    r"\b(?:href|src|action)\s{0,5}=\s{0,5}[\"']?([^\s\"'<>]{1,300})", re.IGNORECASE
)
_HUGE_REFERENCE = re.compile(r"&#[0-9]{9,}")  # int() refuses more than 4,300 digits
_URL = re.compile(r"\b(?:https?|ftp)://[^\s<>\"]+|\bwww\.[^\s<>\"]+", re.IGNORECASE)
_HOST = re.compile(r"(?:[a-z]{2,8}:/{0,3})?(?:[^/\s@?]{0,100}@)?([^/\s:?#]{1,100})", re.IGNORECASE)
_WORD_WITH_AT = re.compile(r"(?<![^\s<>()\[\],;:\"])[\w.+-]{1,64}@([\w-][\w.-]{1,250})")
_LONG_NUMBER = re.compile(r"[0-9]{5,}")
_LONG_RULE = re.compile(r"([-_=*~#.+>])\1{3,}")
_BLANK_LINES = re.compile(r"\n[ \t\r]*+\n\s*+")
_CAPITALS = re.compile(r"\b[A-ZÀ-ÖØ-Þ]{2,}+\b(?:\W{1,3}[A-ZÀ-ÖØ-Þ]++\b)*")
_INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF))


def is_html(text: str) -> bool:
    """Return whether the text holds markup."""
    return _HTML_HINT.search(text) is not None


def plain_text(text: str) -> str:
    """Return the words and marks of `text` on one line of about MAX_CHARS characters."""
    return clean(text)[0]


def clean(text: str) -> tuple[str, bool]:
    """Return the result of `plain_text`, and whether the text was truncated at MAX_CHARS."""
    found: set[str] = set()
    has_markup = is_html(text)
    if has_markup:
        text = _TAG.sub(lambda tag: _tag_words(tag, found), _without_hidden(text, found))
    else:
        text = _BLANK_LINES.sub(" newpar ", text.strip(), count=MAX_CHARS)  # more are cut off
    text = html.unescape(_HUGE_REFERENCE.sub(" ", text)).translate(_INVISIBLE)
    # Truncate before the normalisation, which is quadratic in runs of combining marks. Among the
    # first MAX_CHARS words and the spaces between them are all characters that are kept.
    words = " ".join(text.split(None, MAX_CHARS)[:MAX_CHARS])
    text = words[:MAX_CHARS]
    text = unicodedata.normalize("NFKC", text.encode("utf-8", "ignore").decode("utf-8"))
    cut = len(words) > MAX_CHARS or len(text) > MAX_NORMALISED
    text = text[:MAX_NORMALISED]
    text = _URL.sub(lambda link: f" urllink {_host_words(link[0])} ", text)
    text = _WORD_WITH_AT.sub(lambda mail: f" mailaddr {_host_words(mail[1])} ", text)
    text = _LONG_NUMBER.sub(" longnum ", text)
    text = _LONG_RULE.sub(r" \1\1\1 ", text)
    text = _CAPITALS.sub(r" allcaps \g<0> ", text).lower()
    summary = ["htmlmail", *(f"has{name}" for name in sorted(found))] if has_markup else []
    return " ".join([*summary, *text.split()]), cut


def verbatim(text: str) -> tuple[str, bool]:
    """Return the text as it is, and whether it was truncated at MAX_CHARS.

    Case, markup and signs stay. Runs of white space become one space, invisible characters are
    removed, and the same letter written in two ways becomes one (NFC).
    """
    words = " ".join(text.translate(_INVISIBLE).split(None, MAX_CHARS)[:MAX_CHARS])
    kept = unicodedata.normalize("NFC", words[:MAX_CHARS].encode("utf-8", "ignore").decode("utf-8"))
    return kept[:MAX_NORMALISED], len(words) > MAX_CHARS or len(kept) > MAX_NORMALISED


def _tag_words(tag: re.Match[str], found: set[str]) -> str:
    """Return the text that replaces a tag; add the name of an informative tag to `found`."""
    name, attributes = tag[1].lower(), tag[2]
    if _TELLING.fullmatch(name):
        found.add(name)
    if name == "img":
        return " imagetag "
    if name in ("a", "form"):
        target = _TARGET.search(attributes)
        return f" linkto {_host_words(target[1])} " if target else " "
    return " " if _BREAKING.fullmatch(name) else ""


def _host_words(target: str) -> str:
    """Return the labels of the host in a link, or `iphost` if the host is a number."""
    if target[:7].lower() == "mailto:":
        return "mailaddr " + _host_words(target.partition("@")[2][:100]) if "@" in target else ""
    host = _HOST.match(target)
    labels = [label for label in host[1].split(".") if label] if host else []
    if labels and all(label.isdigit() for label in labels):
        return "iphost"
    return " ".join(label.lower() for label in labels[-4:] if label.lower() != "www")


def _without_hidden(text: str, found: set[str]) -> str:
    """Remove comments, scripts, styles and titles, and add their names to `found`.

    Of one that is never closed, only the opening tag is removed later.
    """
    kept: list[str] = []
    position, unclosed = 0, set[str]()
    for start in _HIDDEN_START.finditer(text):
        name = (start[1] or "").lower()
        if start.start() < position or name in unclosed:
            continue
        end = _HIDDEN_END[name].search(text, start.end())
        if end is None:
            unclosed.add(name)  # a second search would make the time quadratic
            continue
        found.add(name or "comment")
        kept.append(text[position : start.start()])
        # The closing tag stays, because the match ends before its ">"; `_TAG` removes it later.
        position = end.end() if not name else end.start()
    kept.append(text[position:])
    return "".join(kept)
