"""Text for a terminal, which takes some characters for commands."""

import json


def printable(text: str) -> str:
    """Return a text of one line that no terminal takes for a command, as JSON would escape it.

    Names of files, labels and the messages of libraries may hold line breaks, escape sequences,
    or characters that turn the direction of writing.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)
