"""Spoken digits: an ensemble of three CNNs on a log-mel spectrogram that the graph computes."""

from collections.abc import Sequence

from app.bundle import EncoderSpec
from app.modalities.audio.spec import AudioSpec
from training.augmentation.audio import augment_audio
from training.data.dataset import Sample
from training.data.split import Shares
from training.datasets import spoken_digits
from training.fitting.fit import Schedule
from training.networks.audio.spectrogram import SpectrogramEnsemble, SpectrogramNet
from training.outliers import sounds
from training.recipes.recipe import Recipe

MEMBERS = 3


def _prepare(train: Sequence[Sample]) -> tuple[EncoderSpec, dict[str, bytes]]:
    return AudioSpec(rate=8000, samples=8000), {}


def _member(labels: int) -> SpectrogramNet:
    return SpectrogramNet(classes=labels)


def _network(labels: int) -> SpectrogramEnsemble:
    return SpectrogramEnsemble([_member(labels) for _ in range(MEMBERS)])


RECIPE = Recipe(
    name="spoken-digits",
    description="Recognizes a spoken English digit, zero to nine, in about one second of sound.",
    load=spoken_digits.load_with_voices,
    prepare=_prepare,
    network=_network,
    member=_member,
    augment=augment_audio,
    schedule=Schedule(
        epochs=60, batch_size=32, label_smoothing=0.1, ema=0.99, warmup=0.2, patience=None
    ),  # the last epoch's averaged weights: ninety samples would choose an epoch by chance
    shares=Shares(validation=10, test=0, rule=1),
    outliers=sounds,
    leave_one_out="speaker",
    golden="spoken-digits",
    limits=(
        "One digit in each sound. It does not find words in a recording, and does not read numbers "
        "of several digits.",
        "The test split has the same six speakers as the training split. For a speaker that it "
        "never heard expect less: {accuracy, leave one speaker out, mean} when one speaker is left "
        "out of the training and tested.",
        "English only; recordings of 8 kHz with little noise.",
        "Another spoken word gets a digit as its label: novelty was measured against noises, music "
        "and sound effects, not against other words.",
    ),
    licence="CC BY-SA 4.0 (trained on the Free Spoken Digit Dataset)",
)
