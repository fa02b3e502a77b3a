"""Spam: an ensemble of a bidirectional LSTM and linear bags of n-grams over an e-mail's body."""

from collections.abc import Sequence

from app.bundle import EncoderSpec
from app.modalities.text.plain_text import plain_text
from app.modalities.text.spec import TextSpec
from training.baselines.tfidf import tfidf_logistic_regression
from training.data.dataset import Sample
from training.data.split import Shares
from training.data.tokenizers import train_tokenizer
from training.datasets import spamassassin
from training.fitting.fit import Schedule
from training.networks.recurrent.bag_of_ngrams import LinearBag
from training.networks.recurrent.classifier import TextEnsemble, TextRecurrentNet
from training.outliers import prose
from training.recipes.recipe import Recipe

_VOCABULARY_SIZE = 10_000
RECURRENT, LINEAR = 1, 5  # members of the ensemble; the linear ones alone make fewer errors


def _prepare(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    spec = TextSpec(max_tokens=1500, tail_tokens=400)
    texts = (plain_text(sample.payload.data.decode()) for sample in train)
    return spec, {spec.tokenizer: train_tokenizer(texts, _VOCABULARY_SIZE)}


def _network(labels: int) -> TextEnsemble:
    sizes = {"vocabulary": _VOCABULARY_SIZE, "classes": labels}
    recurrent = [TextRecurrentNet(**sizes) for _ in range(RECURRENT)]
    return TextEnsemble([*recurrent, *(LinearBag(**sizes) for _ in range(LINEAR))])


RECIPE = Recipe(
    name="spam",
    description="Classifies the body of an English e-mail, plain text or HTML, as spam or as "
    "wanted mail (ham).",
    load=spamassassin.load,
    variants=spamassassin.without_tags,
    prepare=_prepare,
    network=_network,
    schedule=Schedule(
        epochs=6,
        batch_size=32,
        learning_rate=3e-3,
        label_smoothing=0.05,
        class_weight_power=0.5,
        ema=0.995,
        patience=3,
        warmup=0.2,
    ),
    shares=Shares(validation=20, test=20, first=25, rule=1),  # docs/decisions/0011
    outliers=prose,
    train_outliers=("pages of a novel", "speeches"),
    baseline=tfidf_logistic_regression,
    golden="spam",
    limits=(
        "It reads the body alone: neither headers nor sender, attachments or the targets of links.",
        "English only, and mails of about 2002. Its ham comes mostly from mailing lists of "
        "programmers; private letters, newsletters and today's phishing are unlike that.",
        "Spammers adapt. Do not delete mail on its answer alone.",
        "It can abstain on very short texts: a few words are too little evidence.",
    ),
    licence="Apache-2.0",
    kept_order=True,  # that of what is published
)
