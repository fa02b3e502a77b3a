"""Float samples beyond full scale are scaled or refused, never clipped."""

import numpy as np
import pytest

from app.errors import InvalidInput
from app.modalities import Payload, encoder_for
from app.modalities.audio.spec import AudioSpec
from tests.fakes import RATE, SAMPLES
from tests.media import sound, tone

ENCODER = encoder_for(AudioSpec(rate=RATE, samples=SAMPLES), {})
TONE = tone(440)


def encode(data: bytes) -> np.ndarray:
    return ENCODER.encode(Payload(data, "audio/wav")).arrays["pcm"].astype(float)


FLOATS = {"FLOAT": np.float32, "DOUBLE": np.float64}


@pytest.mark.parametrize("subtype", FLOATS)
@pytest.mark.parametrize("highest", [1.0001, 2.0, 7.9])
@pytest.mark.parametrize("rate", [RATE, 2 * RATE])
def test_floats_a_little_over_full_scale_are_scaled(
    highest: float, rate: int, subtype: str
) -> None:
    shape = tone(440, rate=rate) / np.abs(tone(440, rate=rate)).max()
    made = encode(sound(shape * highest, rate, subtype=subtype))
    assert np.abs(made - encode(sound(shape, rate, subtype=subtype))).max() < 3


@pytest.mark.parametrize("subtype", FLOATS)
@pytest.mark.parametrize(
    ("highest", "message"),
    [
        (8.1, r"reach 8.1; if they were 16-bit integers, divide them by 32,768"),
        (19_000, r"reach 19,000; if they were 16-bit"),
        (2**23, r"reach 8,388,608; if they were 24-bit integers, divide them by 8,388,608"),
        (2e9, r"if they were 32-bit integers"),
        (3e38, r"reach 3e\+38; divide them by their highest magnitude"),
    ],
)
def test_floats_that_are_integers_are_refused_with_the_remedy(
    highest: float, message: str, subtype: str
) -> None:
    with pytest.raises(InvalidInput, match=message):
        encode(sound(np.sign(TONE) * highest, subtype=subtype))
