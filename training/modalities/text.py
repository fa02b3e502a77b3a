"""Texts in training: a recurrent network over a vocabulary learnt from the training texts."""

from collections.abc import Sequence

import numpy as np

from app.bundle import EncoderSpec
from app.bundle.tensors import Arrays
from app.errors import InvalidInput
from app.modalities import Payload
from app.modalities.charset import decode_text
from app.modalities.text import TEXT
from app.modalities.text.plain_text import plain_text
from app.modalities.text.spec import TextSpec
from training.data.dataset import Sample
from training.data.tokenizers import train_tokenizer
from training.modalities.modality import DefaultRecipe, TrainingModality, media_types_of
from training.networks.recurrent.classifier import TextRecurrentNet

_VOCABULARY_SIZE, TOKENS = 16_000, 256


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


TRAINING_TEXT = TrainingModality(
    served=TEXT,
    noun="text",
    plural="texts",
    media_types=media_types_of("text", {".md": "text/plain"}),
    recipe=DefaultRecipe(
        _prepare, lambda labels: TextRecurrentNet(vocabulary=_VOCABULARY_SIZE, classes=labels)
    ),
    default_source="minilm",
    saliency_axes=("time",),
    remover=lambda _spec, _bands: drop_tokens,
)
