"""Prose in training: a language model's recipe alone has it, with a run of its own."""

from app.modalities.words import WORDS
from app.modalities.words.spec import WordsSpec
from training.exporting.card.inputs import InputCard
from training.modalities.modality import TrainingModality


def _reads(spec: WordsSpec) -> str:
    return f"a text, of which the last {spec.max_words:,} words are read"


TRAINING_WORDS = TrainingModality(
    served=WORDS, noun="text", plural="texts", card=InputCard(reads=_reads)
)
