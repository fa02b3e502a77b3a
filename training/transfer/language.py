"""Whether a trained network knows the language of the user's texts, by its tokenizer."""

import numpy as np
from tokenizers import Tokenizer

from app.modalities.text.plain_text import clean
from app.modalities.text.spec import TextSpec
from training.data.dataset import Dataset
from training.data.readable import readable_text
from training.errors import BadData
from training.transfer.trained_network import TrainedNetwork

_TEXTS = 300  # that are tried
_MOST_UNKNOWN = 0.05  # share of the tokens


def check_language(network: TrainedNetwork, dataset: Dataset) -> None:
    """Raise `BadData` where the network's tokenizer does not know 5 of 100 tokens of the texts."""
    if not isinstance(network.encoder, TextSpec):
        return
    tokenizer = Tokenizer.from_buffer(network.files[network.encoder.tokenizer])
    unknown = unknown_share(tokenizer, dataset)
    if unknown > _MOST_UNKNOWN:
        raise BadData(
            f"the tokenizer of {network.name} does not know {100 * unknown:.1f} % of the tokens of "
            f"{dataset.name}: it was made for another language. Name a network of this language "
            "with --from, or another --start"
        )


def unknown_share(tokenizer: Tokenizer, dataset: Dataset) -> float:
    """Return the share of unknown tokens in some of the texts, evenly chosen, 0 to 1."""
    mark = getattr(tokenizer.model, "unk_token", None)
    number = tokenizer.token_to_id(mark) if mark else None
    unknown, every = 0, 0
    places = np.linspace(0, len(dataset.samples) - 1, min(_TEXTS, len(dataset.samples)))
    for place in places.astype(int).tolist():
        text, _ = clean(readable_text(dataset.samples[place].payload))
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        every += len(ids)
        unknown += sum(one == number for one in ids)
    return unknown / max(every, 1)
