"""A text and its tokens, remembered so that an explanation can name them.

A text is cleaned before it is read: markup goes, marks as `allcaps` come, all is lower case.
A token is looked for in the text that was sent, after the one before it; a mark is not there.
"""

from dataclasses import dataclass

from tokenizers import Encoding

_NEAR = 200  # characters within which the next token is looked for: links and tags lie between


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """The text as it was sent, as it was cleaned, and the cleaned one's tokens.

    first, last: how many of the first and of the last tokens were kept, where not all were.
    """

    sent: str
    cleaned: str
    encoding: Encoding
    first: int
    last: int = 0

    def pieces(self) -> list[tuple[str, int | None, int | None]]:
        """Return each kept token's text, and where it begins and ends in the text sent.

        Characters count from 0, the end is excluded; None where the token is not found.
        """
        offsets = self.encoding.offsets
        count = len(offsets)
        kept = set(range(min(self.first, count))) | set(range(count - self.last, count))
        sent, place = self.sent.lower(), 0
        found: list[tuple[str, int | None, int | None]] = []
        same_length = len(sent) == len(self.sent)  # not so of a few letters, as İ
        for number, (start, end) in enumerate(offsets):
            text = self.cleaned[start:end]
            at = sent.find(text.strip(), place, place + _NEAR) if same_length else -1
            if at >= 0:
                place = at + len(text.strip())
            if number in kept:
                found.append((text, at, place) if at >= 0 else (text, None, None))
        return found
