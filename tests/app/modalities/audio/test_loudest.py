"""A click does not decide which part of a long sound is heard."""

import numpy as np
import pytest

from app.modalities.audio.loudest import window

RATE = 8000


def noise(seconds: float, loudness: float, seed: int = 0) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(0, loudness * 32768, round(seconds * RATE))
    return np.clip(np.round(drawn), -32768, 32767).astype(np.int16)


def with_word(pcm: np.ndarray, start: float, loudness: float, seconds: float = 0.4) -> np.ndarray:
    word = pcm.copy()
    at = round(start * RATE)
    word[at : at + round(seconds * RATE)] = noise(seconds, loudness, 5)
    return word


def with_click(pcm: np.ndarray, start: float, milliseconds: float) -> np.ndarray:
    clicked = pcm.copy()
    at = round(start * RATE)
    clicked[at : at + round(milliseconds * RATE / 1000)] = 32767
    return clicked


@pytest.mark.parametrize("milliseconds", [0.125, 5, 18, 30, 40])
@pytest.mark.parametrize("places", [(0.05,), (0.053, 0.3, 0.6), (1.4, 4.9)])
@pytest.mark.parametrize("background", [0.0, 0.001])
def test_a_click_does_not_take_the_window(
    milliseconds: float, places: tuple[float, ...], background: float
) -> None:
    sound = with_word(noise(5, background), 3, 0.03)
    for place in places:
        sound = with_click(sound, place, milliseconds)
    start = window(sound, RATE, RATE)[1] / RATE
    assert 2.4 <= start <= 3.0, "the whole word"


@pytest.mark.parametrize("place", [0.3, 2.5, 4.7])
def test_a_click_in_noise_alone_is_heard(place: float) -> None:
    start = window(with_click(noise(5, 0.01), place, 18), RATE, RATE)[1] / RATE
    assert start <= place <= start + 1


def test_without_clicks_the_loudest_window_is_heard(monkeypatch) -> None:
    for seed in range(20):
        shape = np.repeat(np.random.default_rng(seed).uniform(0.05, 1, 30), RATE // 10)
        sound = (noise(3, 0.1, seed) * shape).astype(np.int16)
        made = window(sound, RATE, RATE)[1]
        energy = np.cumsum(np.concatenate([[0], sound.astype(np.int64) ** 2]))
        assert made == int(np.argmax(energy[RATE:] - energy[:-RATE]))


@pytest.mark.parametrize("starts", [1000, 2**16])
@pytest.mark.parametrize("more", [1, 79, 80, 81, 12_345])
def test_the_window_lies_within_the_sound(starts: int, more: int, monkeypatch) -> None:
    monkeypatch.setattr("app.modalities.audio.loudest._STARTS", starts)
    for sound in (noise(1, 0.1), noise(1, 0.0)):
        longer = np.concatenate([sound, noise(2, 0.2)[:more]])
        heard, start = window(longer, RATE, RATE)
        assert heard.size == RATE
        assert 0 <= start <= more
