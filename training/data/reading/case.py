"""Whether the case of letters carries meaning in texts, as it does in codes.

`c1ccccc1` is benzene and `C1CCCCC1` is cyclohexane. The cleaning that suits language makes them the
same text.
"""

from collections.abc import Sequence

from training.data.reading.options import TextCase

_TYPICAL = 0.8  # of the texts


def keeps_case(texts: Sequence[str], wanted: TextCase) -> bool:
    """Return whether the case of these typical texts is to be kept.

    With `auto` it is where four of five texts look like a code: ASCII without white space, and with
    a digit, a sign or a capital after the first character. Single words of a language have none of
    these.
    """
    if wanted != "auto":
        return wanted == "keep"
    filled = [text.strip() for text in texts if text.strip()]
    codes = sum(map(_is_code, filled))
    return bool(filled) and codes >= _TYPICAL * len(filled)


def _is_code(text: str) -> bool:
    if not text.isascii() or len(text.split()) != 1:
        return False
    return not text.isalpha() or (not text[1:].islower() and len(text) > 1)


def case_note(name: str, keeps: bool, wanted: TextCase) -> str | None:
    """Return the line that says which choice was made, if it was not asked for."""
    if wanted != "auto" or not keeps:
        return None
    return (
        f"{name}: the texts look like codes, so capitals and small letters are kept apart; "
        "--text-case lower makes them the same"
    )
