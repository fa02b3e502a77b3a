"""Token ids that a client sends: only those that a tokenizer could have made."""

import numpy as np

from app.errors import InvalidInput


def check_token_ids(tokens: np.ndarray, lengths: np.ndarray, vocabulary: int) -> None:
    """Raise `InvalidInput`, with the index of the first item that no encoder would make.

    tokens: int64 (batch, time), each below `vocabulary`. lengths: int64 (batch,), from 1 to the
    number of tokens.
    """
    unknown = ((tokens < 0) | (tokens >= vocabulary)).any(axis=1)
    if unknown.any():
        text = f"a token id is none of this model's, which are 0 to {vocabulary - 1}"
        raise InvalidInput(text, int(unknown.argmax()))
    wrong = (lengths < 1) | (lengths > tokens.shape[1])
    if wrong.any():
        text = f"expected a length from 1 to the number of tokens, {tokens.shape[1]}, got another"
        raise InvalidInput(text, int(wrong.argmax()))
