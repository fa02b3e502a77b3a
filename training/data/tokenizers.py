"""A WordPiece tokenizer trained on the training texts; the bundle keeps it as tokenizer.json.

The same texts give the same bytes. The library's trainer numbers pieces inside words in the order
of a randomly seeded hash table, and breaks ties by these numbers. So this module numbers all single
characters before the training.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

import orjson
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

PADDING, UNKNOWN_TOKEN = "<pad>", "<unk>"  # ids 0 and 1, as the networks expect
_ALPHABET = 1_500  # rarer characters are unknown
_LONGEST_WORD = 40  # characters
_CHARACTERS = 20_000  # that a character tokenizer numbers; rarer ones are unknown
_RARE = 2  # texts must have a character so often
# Scripts without spaces between words: each of their characters is a word.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"


def train_tokenizer(
    texts: Iterable[str],
    size: int,
    *,
    lowercase: bool = True,
    alphabet: int = _ALPHABET,
    unspaced: bool = False,
) -> bytes:
    """Return a WordPiece tokenizer of at most `size` tokens, as JSON.

    alphabet: the number of characters that are known. unspaced: whether each character of a script
    without spaces (`UNSPACED`) is a word.
    """
    tokenizer = Tokenizer(
        models.WordPiece(unk_token=UNKNOWN_TOKEN, max_input_chars_per_word=_LONGEST_WORD)
    )
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    steps = [pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=False)]
    if unspaced:
        steps.append(pre_tokenizers.Split(Regex(UNSPACED), "isolated"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    texts = list(texts)
    known, inside = _characters(tokenizer, texts, alphabet)
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[PADDING, UNKNOWN_TOKEN, *(f"##{character}" for character in inside)],
        initial_alphabet=known,
        limit_alphabet=len(known),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    document = orjson.loads(tokenizer.to_str())
    special = (PADDING, UNKNOWN_TOKEN)
    document["added_tokens"] = [t for t in document["added_tokens"] if t["content"] in special]
    return orjson.dumps(document)


def character_tokenizer(texts: Iterable[str]) -> bytes:
    """Return a tokenizer, as JSON, whose tokens are the characters that occur twice in `texts`."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    known = sorted(counts, key=lambda character: (-counts[character], character))
    known = [character for character in known if counts[character] >= _RARE][:_CHARACTERS]
    numbers = {token: i for i, token in enumerate([PADDING, UNKNOWN_TOKEN, *known])}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=UNKNOWN_TOKEN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    return tokenizer.to_str().encode()


def vocabulary_size(tokenizer: bytes) -> int:
    """Return the number of tokens of a `tokenizer.json`."""
    return int(Tokenizer.from_buffer(tokenizer).get_vocab_size())


def _characters(
    tokenizer: Tokenizer, texts: Sequence[str], most: int
) -> tuple[list[str], list[str]]:
    """Return the `most` common characters, and those of them that occur inside words."""
    words: Counter[str] = Counter()
    for text in texts:
        if tokenizer.normalizer is not None:
            text = tokenizer.normalizer.normalize_str(text)
        words.update(word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text))
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            counts[character] += count
    alphabet = sorted(sorted(counts, key=lambda c: (-counts[c], c))[:most])
    inside = set().union(*(word[1:] for word in words))
    return alphabet, [character for character in alphabet if character in inside]
