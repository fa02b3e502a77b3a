"""Texts in training: a linear model on character n-grams, and a recurrent network over words.

Both learn their vocabulary from the training texts, in any script. Where a script has no spaces
between words, each character is a word. Case is kept where the data set says that it matters.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Literal

import numpy as np
from torch import nn

from app.bundle import EncoderSpec
from app.bundle.tensors import Arrays
from app.modalities.text import TEXT
from app.modalities.text.explanation import TokenWeight
from app.modalities.text.plain_text import clean, verbatim
from app.modalities.text.spec import TextSpec
from training.baselines.linear import TEXT_BASELINE
from training.data.dataset import Sample, as_table
from training.data.encode import Examples
from training.data.fingerprints import text_fingerprint
from training.data.readable import readable_text
from training.data.tokenizers import character_tokenizer, train_tokenizer
from training.exporting.card.inputs import InputCard
from training.exporting.card.markdown import code
from training.fitting.curve import History
from training.fitting.ngrams import fit_ngrams
from training.modalities.modality import DefaultRecipe, TrainingModality, media_types_of
from training.networks.linear.character_ngrams import CharacterNgrams
from training.networks.recurrent.classifier import TextRecurrentNet

_VOCABULARY_SIZE, TOKENS = 16_000, 256
_ALPHABET = 8_000  # characters that are no unknown ones: Chinese has more than other scripts
_SHORTEST, _LONGEST = 64, 4_000  # characters that a linear model reads at least, and at most
_MOST_CELLS = 400_000  # characters × labels: 1.6 MB for each text and length of n-grams in serving
_WHOLE = 99  # of a hundred training texts are read whole by a linear model
_Cleaning = Literal["words", "verbatim"]
_CLEAN: dict[_Cleaning, Callable[[str], tuple[str, bool]]] = {"words": clean, "verbatim": verbatim}
_PARTS = 6  # tokens that a card shows of an explanation


def drop_tokens(item: Arrays, dropped: np.ndarray) -> Arrays:
    """Drop the tokens of `dropped`, bool (time,)."""
    tokens = item["tokens"][~dropped]
    return {"tokens": tokens, "length": np.asarray(tokens.size, dtype=np.int64)}


def _prepare(
    train: Sequence[Sample], cleaning: _Cleaning = "words"
) -> tuple[EncoderSpec, dict[str, bytes]]:
    spec = TextSpec(max_tokens=TOKENS, cleaning=cleaning)
    made = train_tokenizer(
        _texts(train, cleaning),
        _VOCABULARY_SIZE,
        lowercase=cleaning == "words",
        alphabet=_ALPHABET,
        unspaced=True,
    )
    return spec, {spec.tokenizer: made}


def _prepare_characters(
    train: Sequence[Sample], cleaning: _Cleaning = "words"
) -> tuple[EncoderSpec, dict[str, bytes]]:
    texts = list(_texts(train, cleaning))
    longest = float(np.percentile([len(text) for text in texts], _WHOLE)) if texts else 0.0
    labels = len(np.unique(as_table(train).labels))
    read = int(
        np.clip(longest, _SHORTEST, max(min(_LONGEST, _MOST_CELLS // max(labels, 1)), _SHORTEST))
    )
    spec = TextSpec(max_tokens=read, cleaning=cleaning, unit="character")
    return spec, {spec.tokenizer: character_tokenizer(texts)}


def _texts(samples: Sequence[Sample], cleaning: _Cleaning) -> Iterator[str]:
    """Yield the cleaned texts; `encode` names those that cannot be read."""
    for sample in samples:
        if text := readable_text(sample.payload):
            yield _CLEAN[cleaning](text)[0]


def _learn_ngrams(
    network: nn.Module, train: Examples, validation: Examples, recipe: Any
) -> History:
    assert isinstance(network, CharacterNgrams)
    return fit_ngrams(network, train, validation, recipe.schedule.class_weight_power)


def _reads(spec: TextSpec) -> str:
    first = f"the first {spec.max_tokens - spec.tail_tokens:,}"
    kept = f"{first} and the last {spec.tail_tokens:,}" if spec.tail_tokens else first
    form = "plain or HTML" if spec.cleaning == "words" else "as it is: upper and lower case differ"
    units = f"{spec.unit}s"
    return f"a text, {form}; of more than {spec.max_tokens:,} {units} only {kept} are read"


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
        _prepare,
        lambda labels: TextRecurrentNet(vocabulary=_VOCABULARY_SIZE, classes=labels),
        prepare_verbatim=partial(_prepare, cleaning="verbatim"),
    ),
    linear=DefaultRecipe(
        _prepare_characters,
        lambda labels: CharacterNgrams(classes=labels),
        learn=_learn_ngrams,
        prepare_verbatim=partial(_prepare_characters, cleaning="verbatim"),
    ),
    default_source="minilm",
    saliency_axes=("time",),
    remover=lambda _spec, _bands: drop_tokens,
    card=InputCard(reads=_reads, parts=_heaviest),
    baseline=TEXT_BASELINE,
)
