"""Texts for language models: specification, encoder, word tokenizer."""

from app.modalities.modality import Modality
from app.modalities.words.encoder import WordsEncoder
from app.modalities.words.spec import WordsSpec

WORDS = Modality(
    name="words",
    spec=WordsSpec,
    encoder=WordsEncoder,
    accepts=WordsEncoder.accepts,
    take_tensors=WordsEncoder.take_tensors,
)
