"""Texts as the characters that a linear model reads."""

from collections.abc import Sequence

from app.modalities import Payload
from app.modalities.text import TEXT
from app.modalities.text.spec import TextSpec
from training.data.dataset import Sample
from training.data.encode import Examples, encode
from training.data.tokenizers import character_tokenizer


def character_examples(texts: Sequence[str], labels: Sequence[int]) -> Examples:
    """Texts as the characters that a linear model reads."""
    spec = TextSpec(max_tokens=400, unit="character")
    encoder = TEXT.encoder(spec, {spec.tokenizer: character_tokenizer(text for text in texts)})
    names = [str(label) for label in sorted(set(labels))]
    samples = [
        Sample(f"{i}.txt", Payload(text.encode(), "text/plain", "utf-8"), str(label))
        for i, (text, label) in enumerate(zip(texts, labels, strict=True))
    ]
    return encode(encoder, samples, names, spec.tensors())[0]
