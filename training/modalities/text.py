"""Texts in training: a recurrent network over a vocabulary learnt from the training texts."""

from collections.abc import Sequence

import numpy as np

from app.bundle import EncoderSpec
from app.bundle.tensors import Arrays
from app.errors import InvalidInput
from app.modalities import Payload
from app.modalities.charset import decode_text
from app.modalities.text import TEXT
from app.modalities.text.explanation import TokenWeight
from app.modalities.text.plain_text import plain_text
from app.modalities.text.spec import TextSpec
from training.data.dataset import Sample
from training.data.fingerprints import text_fingerprint
from training.data.tokenizers import train_tokenizer
from training.exporting.card.inputs import InputCard
from training.exporting.card.markdown import code
from training.modalities.modality import DefaultRecipe, TrainingModality, media_types_of
from training.networks.recurrent.classifier import TextRecurrentNet

_VOCABULARY_SIZE, TOKENS = 16_000, 256
_PARTS = 6  # tokens that a card shows of an explanation


def drop_tokens(item: Arrays, dropped: np.ndarray) -> Arrays:
    """Drop the tokens of `dropped`, bool (time,)."""
    tokens = item["tokens"][~dropped]
    return {"tokens": tokens, "length": np.asarray(tokens.size, dtype=np.int64)}


def _prepare(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    texts = [plain_text(text) for sample in train if (text := _text(sample.payload))]
    spec = TextSpec(max_tokens=TOKENS)
    return spec, {spec.tokenizer: train_tokenizer(texts, _VOCABULARY_SIZE)}


def _text(payload: Payload) -> str:
    try:
        return decode_text(payload)
    except InvalidInput:
        return ""


def _reads(spec: TextSpec) -> str:
    first = f"the first {spec.max_tokens - spec.tail_tokens:,}"
    kept = f"{first} and the last {spec.tail_tokens:,}" if spec.tail_tokens else first
    return f"a text, plain or HTML; of more than {spec.max_tokens:,} tokens only {kept} are read"


def _heaviest(explanation: Sequence[TokenWeight] | None) -> str:
    weights: dict[str, float] = {}
    for token in sorted(explanation or (), key=lambda token: -token.weight):
        weights.setdefault(token.text.strip(), token.weight)
    return ", ".join(f"{code(t)} {weight:.2f}" for t, weight in [*weights.items()][:_PARTS])


TRAINING_TEXT = TrainingModality(
    served=TEXT,
    noun="text",
    plural="texts",
    media_types=media_types_of("text", {".md": "text/plain"}),
    fingerprint=text_fingerprint,
    recipe=DefaultRecipe(
        _prepare, lambda labels: TextRecurrentNet(vocabulary=_VOCABULARY_SIZE, classes=labels)
    ),
    default_source="minilm",
    saliency_axes=("time",),
    remover=lambda _spec, _bands: drop_tokens,
    card=InputCard(reads=_reads, parts=_heaviest),
)
