"""A sound in a window is found again, and evened out as if there were no window."""

import numpy as np
import pytest
import torch

from app.modalities.audio.loudest import window
from training.networks.audio.waveform import Waveform, uncentred


def centred(sound: list[int], size: int) -> torch.Tensor:
    return torch.from_numpy(window(np.asarray(sound, np.int16), size, 16_000)[0])[None]


@pytest.mark.parametrize("size", [4, 5, 8, 9])
def test_waveform_of_a_shorter_sound_starts_at_its_first_sample(size: int):
    sound = uncentred(centred([3, 0, -5, 7], size))
    expected = torch.tensor([3, 0, -5, 7] + [0] * (size - 4)) / 32768
    assert torch.equal(sound.wave[0], expected)
    assert sound.length.tolist() == [4] and sound.before.tolist() == [(size - 4) // 2]
    assert sound.within.sum() == 4


@pytest.mark.parametrize(("values", "length"), [([0, 0, 0, 9], 4), ([9, 0, 0, 0], 4)])
def test_waveform_keeps_silence_at_one_end(values: list[int], length: int):
    sound = uncentred(centred(values, 12))
    assert abs(int(sound.length[0]) - length) <= 1  # whether one more zero is its own is unknown
    assert int((sound.wave[0] != 0).to(torch.int64).argmax()) in (values.index(9), 2)


def test_waveform_keeps_silence_whole():
    sound = uncentred(torch.zeros(2, 6, dtype=torch.int16))
    assert sound.length.tolist() == [6, 6] and sound.before.tolist() == [0, 0]
    assert torch.equal(Waveform(even=True)(sound), torch.zeros(2, 6))


def test_waveform_normalisation_ignores_the_window():
    values = np.random.default_rng(0).integers(-9000, 9000, 500)
    heard = [Waveform(even=True)(uncentred(centred(values.tolist(), n))) for n in (500, 733)]
    assert torch.allclose(heard[0].mean(), torch.tensor(0.0), atol=1e-6)
    assert torch.allclose(heard[0].var(correction=0), torch.tensor(1.0), atol=1e-4)
    assert torch.allclose(heard[1][:, :500], heard[0], atol=1e-6)
    assert not heard[1][:, 500:].any()
