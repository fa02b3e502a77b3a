"""A text and its tokens, which an explanation needs to find the tokens in the text.

Cleaning removes markup, adds marks such as `allcaps`, and makes all letters lower case. So each
token is searched for in the text that was sent, after the token before it; marks are not found.
"""

from dataclasses import dataclass

from tokenizers import Encoding

_NEAR = 200  # characters in which the next token is searched for: links and tags lie between


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """A text: the one that was sent, the cleaned one, and the tokens of the cleaned one.

    first, last: how many of the first and of the last tokens the model reads.
    """

    sent: str
    cleaned: str
    encoding: Encoding
    first: int
    last: int = 0

    def pieces(self) -> list[tuple[str, int | None, int | None]]:
        """Return the text of each token that the model reads, and its start and end in `sent`.

        Start and end (excluded) count characters from 0; they are None if the token is not found.
        """
        offsets = self.encoding.offsets
        count = len(offsets)
        kept = set(range(min(self.first, count))) | set(range(count - self.last, count))
        sent, place = self.sent.lower(), 0
        found: list[tuple[str, int | None, int | None]] = []
        same_length = len(sent) == len(self.sent)  # a few letters such as İ become longer
        for number, (start, end) in enumerate(offsets):
            text = self.cleaned[start:end]
            bare = text.strip().lower()
            at = sent.find(bare, place, place + _NEAR) if same_length else -1
            if at >= 0:
                place = at + len(bare)
            if number in kept:
                found.append((text, at, place) if at >= 0 else (text, None, None))
        return found
