"""Spam: a bidirectional GRU over the words of an e-mail's body."""

from collections.abc import Sequence

from app.bundle import EncoderSpec, TextSpec
from app.inputs.plain_text import plain_text
from training.data import spamassassin
from training.data.baselines import tfidf_logistic_regression
from training.data.dataset import Sample
from training.data.split import Shares
from training.data.tokens import train_tokenizer
from training.fit import Schedule
from training.networks.recurrent import TextRecurrentNet
from training.recipes.recipe import Recipe

VOCABULARY = 20_000


def _prepare(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    spec = TextSpec(max_tokens=256)
    texts = (plain_text(sample.payload.data.decode()) for sample in train)
    return spec, {spec.tokenizer: train_tokenizer(texts, VOCABULARY)}


RECIPE = Recipe(
    name="spam",
    description="Tells spam from wanted mail (ham) by the text of an English e-mail's body, "
    "as plain text or HTML.",
    load=spamassassin.load,
    prepare=_prepare,
    network=lambda labels: TextRecurrentNet(vocabulary=VOCABULARY, classes=labels),
    schedule=Schedule(epochs=12, batch=32, rate=2e-3, ema=0.995, patience=4),
    shares=Shares(validation=12, test=18),
    baseline=tfidf_logistic_regression,
    golden="spam",
    licence="Apache-2.0",
)
