"""Text → token ids.

`app.modalities.charset` decodes the text, `plain_text` cleans it, and a tokenizer splits it. Longer
texts are truncated as `TextSpec` says, and the answer reports that.
"""

from collections.abc import Mapping
from functools import cached_property

import numpy as np
from tokenizers import Tokenizer

from app.bundle.tensors import Arrays
from app.errors import InvalidBundle, InvalidInput
from app.modalities.charset import decode_text
from app.modalities.payload import Encoded, Payload
from app.modalities.text.plain_text import MAX_CHARS, MAX_NORMALISED, clean, verbatim
from app.modalities.text.spec import TextSpec
from app.modalities.text.tokenized import TokenizedText
from app.modalities.token_ids import check_token_ids

# Bytes of memory, each the worst that was found by trying.
_FIXED_BYTES = 2**18
_COPIES = 20  # of a byte of the payload: a character of four bytes, in several texts
_ASCII_TOKENS, _TOKENS = 600, 1400  # of the tokens of a byte: some letters are normalised to 18
_MOST_TOKENS = _ASCII_TOKENS * MAX_NORMALISED
_TENSOR_SECONDS = 2e-5  # of an item whose tokens are given
_CLEANINGS = {"words": clean, "verbatim": verbatim}


class TextEncoder:
    """Decodes, cleans, tokenizes and truncates text as `spec` says."""

    media_types = "text/*"

    def __init__(self, spec: TextSpec, files: Mapping[str, bytes]) -> None:
        self.spec, self._clean = spec, _CLEANINGS[spec.cleaning]
        try:
            self._tokenizer = Tokenizer.from_buffer(files[spec.tokenizer])
        except Exception as error:  # a missing file, or what the Rust side raises
            raise InvalidBundle(f"{spec.tokenizer} is missing or not a tokenizer") from error

    @staticmethod
    def accepts(media_type: str) -> bool:
        """Accept any `text/…`, plain or HTML, except trees."""
        return media_type.startswith("text/") and media_type != "text/x-tree"

    @cached_property
    def vocabulary_size(self) -> int:
        """One more than the largest token id."""
        return max(self._tokenizer.get_vocab().values(), default=-1) + 1

    def take_tensors(self, arrays: Arrays) -> float:
        """Check tokens (batch, time) and lengths (batch,): see `Modality.take_tensors`."""
        check_token_ids(arrays["tokens"], arrays["length"], self.vocabulary_size)
        return _TENSOR_SECONDS

    def cost(self, payload: Payload) -> float:
        """Estimate by the number of bytes: all are cleaned, and at most so many are tokenized."""
        return 2e-5 + 5e-7 * len(payload.data)

    def decode_bytes(self, payload: Payload) -> int:
        """Return the bytes of the text's copies, and of the tokens of the part that is kept."""
        data = payload.data
        ascii_only = len(data) < MAX_NORMALISED and data.isascii()
        tokens = min(len(data) * (_ASCII_TOKENS if ascii_only else _TOKENS), _MOST_TOKENS)
        return _FIXED_BYTES + _COPIES * len(data) + tokens

    def encode(self, payload: Payload) -> Encoded[TokenizedText]:
        """Return `{"tokens": (time,), "length": ()}`, both int64."""
        sent = decode_text(payload)
        text, cut = self._clean(sent)
        if not text:
            raise InvalidInput(
                "expected some text, got none (or only white space); send a sentence"
            )
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        ids = np.asarray(encoding.ids, dtype=np.int64)
        if ids.size == 0:
            raise InvalidInput(
                "expected words, got a text that holds nothing that this model can read; "
                "send it in the language of the model"
            )
        limit, tail = self.spec.max_tokens, self.spec.tail_tokens
        read = TokenizedText(sent, text, encoding, ids.size)
        truncated = f"only the first {MAX_CHARS} characters were read" if cut else None
        if ids.size > limit:
            truncated = (
                f"the text has {ids.size}{' or more' * cut} tokens; the first {limit - tail}"
                + (f" and the last {tail} were read" if tail else " were read")
            )
            ids = np.concatenate([ids[: limit - tail], ids[ids.size - tail :]])
            read = TokenizedText(sent, text, encoding, limit - tail, tail)
        arrays = {"tokens": ids, "length": np.asarray(ids.size, dtype=np.int64)}
        return Encoded(arrays, truncated, read)
