"""A vocabulary learned from the training texts, kept as the bundle's tokenizer.json."""

from collections.abc import Iterable

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

PADDING, UNKNOWN = "<pad>", "<unk>"  # ids 0 and 1, as the networks expect
_ALPHABET = 300  # rarer characters are unknown
_LONGEST_WORD = 40  # characters


def train_tokenizer(texts: Iterable[str], size: int, *, lowercase: bool = True) -> bytes:
    """Return a WordPiece tokenizer of at most `size` tokens, as JSON."""
    tokenizer = Tokenizer(
        models.WordPiece(unk_token=UNKNOWN, max_input_chars_per_word=_LONGEST_WORD)
    )
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=False)]
    )
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[PADDING, UNKNOWN],
        limit_alphabet=_ALPHABET,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return str(tokenizer.to_str()).encode()


def vocabulary(tokenizer: bytes) -> int:
    """Return how many tokens a `tokenizer.json` knows."""
    return int(Tokenizer.from_buffer(tokenizer).get_vocab_size())
