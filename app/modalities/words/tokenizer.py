"""Prose → words for a language model, and words → prose.

Punctuation marks are words of their own, and so are the endings 's, 're, 've, 'll, 'd and 'm, a
hyphen inside a compound, and a dash, `--`. Capitals stay, but the first word of a sentence becomes
lower case if that form is the more common one in the vocabulary. Time is linear in the text.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping

UNKNOWN, END = "<unk>", "<end>"  # a word that is not in the vocabulary; the end of a document
SENTENCE_ENDS = (".", "!", "?")
_GLUED = frozenset(".,;:!?)]}%-/") | {"..."}  # have no space before them
_OPENING = frozenset("([{$-/#")  # have no space after them
_REMEMBERED = 2000  # characters at the end of a text that decide about spaces and quotation marks
_QUOTES = str.maketrans("‘’‛′“”„″«»", '\'\'\'\'""""""')
_LETTER = r"[^\W\d_]"
_WORD = re.compile(
    rf"""
      '(?:s|re|ve|ll|d|m)(?!{_LETTER})            # the ending of a word
    | (?:[A-Z]\.){{2,6}}                          # U.S.
    | (?:Mr|Mrs|Ms|Messrs|Dr|St|Gen)\.            # titles
    | {_LETTER}+(?:'t(?!{_LETTER}))?              # a word, or one like don't
    | \d+(?:[.,]\d+)*                             # a number
    | [-–—‒]+ | \.{{2,}} | …                      # a dash or hyphen; an ellipsis
    | \S
    """,
    re.VERBOSE,
)


def split_words(text: str) -> list[str]:
    """Return the words and punctuation marks of `text` with their capitals."""
    plain = unicodedata.normalize("NFC", text).translate(_QUOTES)
    return [_canonical(match[0], match) for match in _WORD.finditer(plain)]


def known_words(words: Iterable[str], ranks: Mapping[str, int]) -> list[str]:
    """Return the words in the form that is in the vocabulary; `ranks` are places in it, by word.

    The first word of a sentence becomes lower case if that form is more common. A word that is not
    in the vocabulary becomes `UNKNOWN`.
    """
    found, first = [], True
    for word in words:
        if first and word[0].isupper():
            small = word[0].lower() + word[1:]
            if ranks.get(small, len(ranks)) < ranks.get(word, len(ranks)):
                word = small
        if word != '"':
            first = word in SENTENCE_ENDS
        found.append(word if word in ranks else UNKNOWN)
    return found


def _canonical(word: str, match: re.Match[str]) -> str:
    """Return the same spelling for all dashes and ellipses; hyphens have no space beside them."""
    if word[0] in "-–—‒":
        text, start, end = match.string, *match.span()
        hyphen = (
            word == "-"
            and start
            and not (text[start - 1].isspace() or text[end : end + 1].isspace())
        )
        return "-" if hyphen else "--"
    return "..." if word == "…" or word.startswith("..") else word


class Detokenizer:
    """Writes words one after another with the spaces of ordinary prose, as a text's continuation.

    Most marks have no space before them, opening brackets none after them. The first word of a
    sentence gets a capital. Quotation marks open and close in turn.
    """

    def __init__(self, text: str) -> None:
        words = split_words(text[-_REMEMBERED:])
        self._open = words.count('"') % 2 == 1
        self._glued = not words or text[-1:].isspace() or self._opens(words[-1])
        self._starts = self._ends_sentence(words)

    def write(self, word: str) -> str:
        """Return the addition to the text: the word, after a space if there should be one."""
        closing = word == '"' and self._open
        glued = self._glued or closing or word in _GLUED or word[0] == "'"
        self._open ^= word == '"'
        shown = word[0].upper() + word[1:] if self._starts else word
        self._glued = self._opens(word)
        self._starts = word in SENTENCE_ENDS or (self._starts and word == '"')
        return shown if glued else f" {shown}"

    def _opens(self, word: str) -> bool:
        return word in _OPENING or (word == '"' and self._open)

    def _ends_sentence(self, words: list[str]) -> bool:
        before = [word for word in words if word != '"']
        return not before or before[-1] in SENTENCE_ENDS
