"""The text of a mail body as the spam classifier sees it, in training and in serving alike.

``plain_text`` is pure and takes time linear in its input whatever the input is: every regular
expression below either has a bounded repeat or cannot rescan what a failed attempt has read.
Capitals and punctuation are kept (the tokenizer decides about them); links, addresses and long
numbers become the words URLLINK, MAILADDR and LONGNUM, which keep their presence but not the value;
markup that shows no word at all becomes IMAGEONLY. The text of an empty mail is empty.
"""

import html
import re
import unicodedata

MAX_CHARS = 20_000
"""Characters kept of the stripped text: some ten times what the classifier's tokens can hold."""

_HTML_HINT = re.compile(
    r"<(?:/|!doctype|html|head|body|table|tr|td|p|br|div|span|font|b|i|a|img|center|h[1-6]|ul|li|pre"
    r"|meta|style|script)\b[^<>]{0,2000}>|</[a-z]{1,10}\s{0,10}>",
    re.IGNORECASE,
)
_HIDDEN_START = re.compile(r"<!--|<(script|style|title)\b", re.IGNORECASE)
_HIDDEN_END = {
    name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "title")
} | {"": re.compile("-->")}
# A tag that starts a new line or cell parts two words; any other (<b>, <font>, a made-up one put
# into the middle of a word to fool filters) does not.
_BREAKING_TAG = re.compile(
    r"</?(?:p|br|div|td|th|tr|table|tbody|li|ul|ol|dl|dt|dd|h[1-6]|hr|pre|blockquote|center|body|head|html"
    r"|form|input|select|option|textarea|img|a)\b[^<>]*>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[a-z/!?][^<>]*>", re.IGNORECASE)
_HUGE_REFERENCE = re.compile(r"&#[0-9]{9,}")  # int() refuses more than 4,300 digits
_URL = re.compile(r"\b(?:https?|ftp)://[^\s<>\"]+|\bwww\.[^\s<>\"]+", re.IGNORECASE)
_WORD_WITH_AT = re.compile(r"(?<![^\s<>()\[\],;:\"])[\w.+-]{1,64}@[\w-][\w.-]{1,250}")
_LONG_NUMBER = re.compile(r"[0-9]{5,}")
_LONG_RULE = re.compile(r"([-_=*~#.+>])\1{3,}")
_INVISIBLE = {code: None for code in (0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF)}


def plain_text(text: str) -> str:
    """Return ``text`` without markup, normalised, on one line, of at most about MAX_CHARS."""
    has_markup = _HTML_HINT.search(text) is not None
    if has_markup:
        text = _TAG.sub("", _BREAKING_TAG.sub(" ", _without_hidden(text)))
    text = html.unescape(_HUGE_REFERENCE.sub(" ", text)).translate(_INVISIBLE)
    # Cut before the normalisation, which is quadratic in runs of combining marks.
    text = " ".join(text.split())[:MAX_CHARS]
    text = unicodedata.normalize("NFKC", text.encode("utf-8", "ignore").decode("utf-8"))
    text = _URL.sub(" URLLINK ", text)
    text = _WORD_WITH_AT.sub(" MAILADDR ", text)
    text = _LONG_NUMBER.sub(" LONGNUM ", text)
    text = _LONG_RULE.sub(r" \1\1\1 ", text)
    return " ".join(text.split()) or ("IMAGEONLY" if has_markup else "")


def _without_hidden(text: str) -> str:
    """Drop comments, scripts, styles and titles; one that is never closed loses its opening only."""
    kept, position, unclosed = [], 0, set()
    for start in _HIDDEN_START.finditer(text):
        name = (start[1] or "").lower()
        if start.start() < position or name in unclosed:
            continue
        end = _HIDDEN_END[name].search(text, start.end())
        if end is None:
            unclosed.add(name)  # not searched for again: that would be quadratic
            continue
        kept.append(text[position : start.start()])
        # "</script" leaves its ">" behind; give the remainder back as an empty tag.
        position = end.end() if not name else end.start()
    kept.append(text[position:])
    return "".join(kept)
