"""What a person may say about a table or a folder of their own."""

from dataclasses import dataclass
from typing import Literal

TextCase = Literal["auto", "keep", "lower"]


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """Columns by name, or by number from 1; None: chosen where there is no doubt.

    text_case: whether `A` and `a` are the same letter; auto: unless the texts look like codes.
    """

    text_column: str | None = None
    label_column: str | None = None
    group_column: str | None = None
    split_column: str | None = None
    text_case: TextCase = "auto"
